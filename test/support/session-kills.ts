import { connect as mqttConnect, type IClientOptions, type MqttClient } from 'mqtt';
import { until } from './until.ts';

/** A broker that is killed and started again, on the same port and with the same files. */
export interface KillableBroker {
  kill(): Promise<void>;
}

export interface Login {
  username: string;
  password: string;
}

/** A device, which may use its own topics. */
export interface DeviceLogin extends Login {
  id: string;
}

export interface SessionKillsOptions {
  url: string;
  start: () => Promise<KillableBroker>;
  kills: number;
  /** May use all topics of the tree. */
  admin: Login;
  devices: [DeviceLogin, DeviceLogin];
  log?: (text: string) => void;
}

/** What was acknowledged to publishers, and what became of it. */
export interface SessionKillsOutcome {
  kills: number;
  acknowledged: number;
  /** Acknowledged messages that a QoS 2 subscriber, a QoS 1 subscriber, and one that is mostly away never got. */
  lost: { qos2: number; qos1: number; away: number };
  /** Messages with QoS 2 that a QoS 2 subscriber got twice. */
  twice: number;
  /** Restarts after which the retained message was older than the last acknowledged one. */
  outdated: number;
  /** Wills of a client that was connected at each kill. */
  wills: number;
}

const window = 10;
/** Every other message is published with QoS 2. */
const qosOf = (n: number): 1 | 2 => (n % 2 === 0 ? 2 : 1);
const sessionExpiryInterval = 24 * 3600;

/**
 * Publishes numbered messages while the broker is killed again and again, at random moments, and compares what was
 * acknowledged with what arrived. Publishers and subscribers keep their sessions.
 */
export async function killSessionsAtRandom(
  options: SessionKillsOptions,
): Promise<SessionKillsOutcome> {
  const { url, start, kills, admin, log = () => undefined } = options;
  const [device, other] = options.devices;
  const notices = `llm-iot/devices/${device.id}/notice`;
  const status = `llm-iot/devices/${device.id}/status`;
  const willTopic = `llm-iot/devices/${other.id}/status`;
  const clients: MqttClient[] = [];
  const open = (login: Login, clientId: string, more: IClientOptions = {}): MqttClient => {
    const client = mqttConnect(url, {
      ...{ ...login, clientId, clean: false, protocolVersion: 5, reconnectPeriod: 20 },
      ...{ connectTimeout: 5_000, properties: { sessionExpiryInterval } },
      ...more,
    });
    client.on('error', () => undefined);
    clients.push(client);
    return client;
  };
  const numbersOf = (client: MqttClient): Map<number, number> => {
    const times = new Map<number, number>();
    client.on('message', (_topic, payload) => {
      const n = Number(payload.toString());
      times.set(n, (times.get(n) ?? 0) + 1);
    });
    return times;
  };
  const lostBy = (times: Map<number, number>): number =>
    acknowledged.filter((n) => !times.has(n)).length;

  const acknowledged: number[] = [];
  let broker = await start();
  try {
    const qos2 = open(device, 'kills-qos2');
    const qos1 = open(device, 'kills-qos1');
    const got = { qos2: numbersOf(qos2), qos1: numbersOf(qos1), away: new Map<number, number>() };
    await qos2.subscribeAsync(notices, { qos: 2 });
    await qos1.subscribeAsync(notices, { qos: 1 });
    const watcher = open(admin, 'kills-watcher');
    let wills = 0;
    watcher.on('message', () => (wills += 1));
    await watcher.subscribeAsync(willTopic, { qos: 1 });
    const mortal = open(other, 'kills-mortal', {
      clean: true,
      properties: {},
      will: { topic: willTopic, payload: Buffer.from('gone'), qos: 1, retain: false },
    });
    /** The one that is mostly away comes, until it has got what it came for. */
    const visit = async (isEnough: () => boolean): Promise<void> => {
      const visitor = open(device, 'kills-away', { reconnectPeriod: 0 });
      visitor.on('message', (_topic, payload) => got.away.set(Number(payload.toString()), 1));
      await until('the visitor is connected', () => visitor.connected, 20_000);
      await visitor.subscribeAsync(notices, { qos: 1 });
      await until('it has got enough', isEnough, 20_000).catch(() => undefined);
      await visitor.endAsync();
    };
    await visit(() => true);

    const publisher = open(admin, 'kills-publisher');
    let sent = 0;
    let stopped = false;
    const publishing = Array.from({ length: window }, async () => {
      while (!stopped) {
        const n = sent++;
        // A client that is cut off while it sends again gives some messages up: nobody acknowledged them.
        await publisher.publishAsync(notices, String(n), { qos: qosOf(n) }).then(
          () => acknowledged.push(n),
          () => undefined,
        );
      }
    });
    const keeper = open(device, 'kills-keeper');
    let retained = -1;
    const retaining = (async () => {
      for (let n = 0; !stopped; n++) {
        await keeper.publishAsync(status, String(n), { qos: 1, retain: true }).then(
          () => (retained = n),
          () => undefined,
        );
      }
    })();

    let outdated = 0;
    for (let kill = 1; kill <= kills; kill++) {
      const enough = acknowledged.length + 5 + Math.floor(Math.random() * 60);
      await until('messages are acknowledged', () => acknowledged.length >= enough, 60_000);
      await until('the mortal one is connected', () => mortal.connected, 20_000);
      await broker.kill();
      const last = retained;
      broker = await start();
      if ((await readRetained(open, admin, status)) < last) outdated += 1;
      if (kill % 10 === 0) {
        const before = got.away.size;
        await visit(() => got.away.size > before);
        log(`${kill} kills, ${acknowledged.length} messages acknowledged`);
      }
    }
    stopped = true;
    await Promise.all([...publishing, retaining]);
    await until('all arrived', () => lostBy(got.qos2) + lostBy(got.qos1) === 0, 20_000).catch(
      () => undefined,
    );
    await visit(() => lostBy(got.away) === 0);
    await until('the last will came', () => wills >= kills, 10_000).catch(() => undefined);
    return {
      kills,
      acknowledged: acknowledged.length,
      lost: { qos2: lostBy(got.qos2), qos1: lostBy(got.qos1), away: lostBy(got.away) },
      twice: [...got.qos2].filter(([n, times]) => qosOf(n) === 2 && times > 1).length,
      outdated,
      wills,
    };
  } finally {
    for (const client of clients) client.end(true);
    await broker.kill();
  }
}

async function readRetained(
  open: (login: Login, clientId: string, more: IClientOptions) => MqttClient,
  login: Login,
  topic: string,
): Promise<number> {
  const reader = open(login, 'kills-reader', { clean: true, reconnectPeriod: 0, properties: {} });
  const values: number[] = [];
  reader.on('message', (_topic, payload) => values.push(Number(payload.toString())));
  await until('the reader is connected', () => reader.connected, 20_000);
  await reader.subscribeAsync(topic, { qos: 1 });
  const value = await until('the retained message', () => values.length > 0 && { n: values[0]! });
  await reader.endAsync();
  return value.n;
}
