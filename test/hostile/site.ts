import assert from 'node:assert/strict';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { call, eventually, joinDevice, type TestDevice } from '../support/hub-client.ts';
import { roomNode } from '../support/house.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';

/** A running hub with a device that is attacked, one whose key the attacker has, and an ear that hears everything. */
export interface Site {
  hub: RunningHub;
  victim: TestDevice;
  attacker: TestDevice;
  /** Topics and payloads that reached anybody, as the administrator hears them. */
  heard: { topic: string; text: string }[];
  /** Fails unless the hub lives, answers, and has not restarted. */
  assertAlive(): Promise<void>;
  /** What every attack leaves alone: the readings, status and connection of the victim. */
  assertUntouched(): Promise<void>;
  end(): Promise<void>;
}

const shipped = join(import.meta.dirname, '../../flows/hub.json');
/** The victim's one reading. */
export const truth = 21.5;

/** @param fields of the hub's form that are not as shipped */
export async function startSite(fields: Record<string, unknown> = {}): Promise<Site> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hostile-'));
  const flow = JSON.parse(await readFile(shipped, 'utf8')) as { type: string }[];
  const changed = flow.map((node) => (node.type === 'llm-iot-hub' ? { ...node, ...fields } : node));
  await writeFile(join(dataDir, 'flows.json'), JSON.stringify(changed));
  const hub = await startHub({ dataDir });
  const victim = await joinDevice(hub, roomNode('vault'));
  const attacker = await joinDevice(hub, roomNode('lobby'));
  const ear = await connectAs(hub, 'admin', hub.adminKey, { clientId: 'ear' });
  const heard: Site['heard'] = [];
  ear.on('message', (topic, payload) => heard.push({ topic, text: payload.toString() }));
  await ear.subscribeAsync('llm-iot/#', { qos: 1 });
  await victim.publish('telemetry', { measurement_type: 'temperature', value: truth });

  return {
    hub,
    victim,
    attacker,
    heard,
    async assertAlive() {
      const { result } = await call(hub, 'hub.health');
      assert.equal(result?.status, 'up');
      assert.doesNotMatch(hub.output(), /uncaught|unhandled|TypeError|RangeError/i);
    },
    async assertUntouched() {
      const { result } = await call(hub, 'telemetry.latest', { device_id: victim.id });
      const values = result.readings.map(({ value }: { value: number }) => value);
      assert.deepEqual(values, [truth]);
      const { result: device } = await call(hub, 'device.get', { device_id: victim.id });
      assert.equal(device.status, 'online');
      assert.equal(device.name, 'vault node');
      assert.ok(victim.mqtt.connected, 'the victim is still connected');
    },
    async end() {
      await Promise.all([victim.end(), attacker.end(), ear.endAsync(true)]);
      await hub.stop();
      await hub.cleanUp();
    },
  };
}

/** Connects once, without a second try. */
export const connectAs = (
  hub: RunningHub,
  username: string,
  password: string,
  options: IClientOptions = {},
): Promise<MqttClient> =>
  connectAsync(
    hub.mqttUrl,
    { username, password, protocolVersion: 5, reconnectPeriod: 0, ...options },
    false,
  );

/** What the audit log holds, as the administrator asks for it; waits until it is there. */
export async function onRecord(
  hub: RunningHub,
  what: string,
  filter: Record<string, unknown>,
): Promise<void> {
  await eventually(`on record: ${what}`, async () => {
    const { result, error } = await call(hub, 'audit.query', { limit: 1, ...filter });
    assert.equal(error, undefined, JSON.stringify(error));
    return result.events.length > 0;
  });
}
