import assert from 'node:assert/strict';
import { connectAsync, type MqttClient } from 'mqtt';
import {
  callers,
  topicExamples,
  topicOf,
  topicRights,
  type CallerKind,
} from '../../nodes/core/security/role-table.ts';
import { createKey } from '../support/create-key.ts';
import { call, esp32, eventually, joinDevice, type TestDevice } from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';

const withKey = callers.filter((kind) => kind !== 'no key');
type WithKey = (typeof withKey)[number];
const notAuthorized = 0x87;

describe('each role over MQTT with the running hub', function () {
  this.timeout(30_000);
  let hub: RunningHub;
  let own: TestDevice;
  let other: TestDevice;
  const clients = new Map<WithKey, MqttClient>();
  const heard = new Map<WithKey, Set<string>>();

  const clientIdOf = (kind: CallerKind): string => `client-${kind.replace(' ', '-')}`;
  const topicFor = (kind: CallerKind, example: string): string =>
    topicOf(example, {
      own: own.id,
      other: other.id,
      ownClient: clientIdOf(kind),
      otherClient: 'client-of-nobody',
    });
  const join = async (kind: WithKey, username: string, password: string): Promise<void> => {
    const client = await connectAsync(hub.mqttUrl, {
      ...{ username, password, clientId: clientIdOf(kind), protocolVersion: 5, reconnectPeriod: 0 },
    });
    const markers = new Set<string>();
    client.on('message', (_topic, payload) => {
      const text = payload.toString();
      markers.add(/"method":"([^"]*)"/.exec(text)?.[1] ?? text);
    });
    clients.set(kind, client);
    heard.set(kind, markers);
  };

  before(async () => {
    hub = await startHub();
    own = await joinDevice(hub, esp32('own'));
    other = await joinDevice(hub, esp32('other'));
    await join('registration key', 'register', hub.registrationKey);
    await join('device', own.id, own.key);
    await join('llm_admin', 'admin', hub.adminKey);
    for (const role of ['llm_read', 'llm_write', 'user_viewer', 'user_operator'] as const) {
      const { id, key } = await createKey(hub, role);
      await join(role, id, key);
    }
  });
  after(async () => {
    await Promise.all([...clients.values()].map((client) => client.endAsync(true)));
    await own.end();
    await other.end();
    await hub.stop();
    await hub.cleanUp();
  });

  /** Whether the broker said yes, and it is right to say so. */
  const saysYes = async (attempt: () => Promise<unknown>): Promise<boolean> => {
    try {
      await attempt();
      return true;
    } catch (error) {
      assert.equal((error as { code?: number }).code, notAuthorized, String(error));
      return false;
    }
  };
  const publishes = (kind: WithKey, topic: string): Promise<boolean> =>
    saysYes(() => clients.get(kind)!.publishAsync(topic, '{}', { qos: 1 }));
  const subscribes = async (kind: WithKey, filter: string): Promise<boolean> => {
    try {
      const [granted] = await clients.get(kind)!.subscribeAsync(filter, { qos: 1 });
      return granted !== undefined && granted.qos < 0x80;
    } catch (error) {
      assert.match(String(error), /[Nn]ot authorized|Unspecified|SubackError/i);
      return false;
    }
  };

  for (const example of topicExamples)
    it(`${example} is for whom the table says`, async () => {
      for (const kind of withKey) {
        const topic = topicFor(kind, example);
        const rights = topicRights(kind, example);
        assert.equal(await subscribes(kind, topic), rights.subscribe, `${kind} subscribes`);
        assert.equal(await publishes(kind, topic), rights.publish, `${kind} publishes`);
      }
    });

  it('filters with wildcards over more than the own device are for the administrator', async () => {
    for (const filter of ['#', '+/devices/#', 'llm-iot/#', 'llm-iot/devices/+/telemetry', '$SYS/#'])
      for (const kind of withKey)
        assert.equal(
          await subscribes(kind, filter),
          kind === 'llm_admin' && (filter.startsWith('llm-iot/') || filter.startsWith('$SYS/')),
          `${kind} ${filter}`,
        );
  });

  it('what is published reaches whom the table says, whatever they have subscribed to', async () => {
    /** Has a topic carry a text: commands are the hub's alone, and here nobody answers them. */
    const tell = async (kind: WithKey, example: string): Promise<void> => {
      const marker = `${kind} ${example}`;
      if (!example.endsWith('command/request')) {
        const admin = clients.get('llm_admin')!;
        await admin.publishAsync(topicFor(kind, example), marker, { qos: 1 });
        return;
      }
      const device_id = example.includes('{own}') ? own.id : other.id;
      await call(hub, 'device.execute', { device_id, command: marker, timeout_ms: 100 });
    };
    for (const kind of withKey) {
      for (const example of topicExamples) {
        await subscribes(kind, topicFor(kind, example));
        await tell(kind, example);
      }
      await subscribes(kind, 'llm-iot/#');
    }
    await eventually('all is heard that may be', () =>
      withKey.every((kind) =>
        topicExamples.every(
          (example) =>
            heard.get('llm_admin')!.has(`${kind} ${example}`) &&
            (!topicRights(kind, example).subscribe || heard.get(kind)!.has(`${kind} ${example}`)),
        ),
      ),
    );
    for (const kind of withKey)
      for (const example of topicExamples)
        assert.equal(
          heard.get(kind)!.has(`${kind} ${example}`),
          topicRights(kind, example).subscribe,
          `${kind} ${example}`,
        );
  });

  it('nobody comes in without a key, with the key of another name, or with a wrong one', async () => {
    for (const [username, password] of [
      [undefined, undefined],
      ['admin', undefined],
      ['admin', own.key],
      [own.id, hub.adminKey],
      ['register', own.key],
      ['admin', 'wrong-key-0123456789'],
    ])
      await assert.rejects(
        connectAsync(hub.mqttUrl, {
          ...(username !== undefined && { username }),
          ...(password !== undefined && { password }),
          ...{ protocolVersion: 5, reconnectPeriod: 0 },
        }),
        /[Nn]ot authorized|[Bb]ad [Uu]ser/,
      );
  });
});
