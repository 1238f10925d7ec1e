import assert from 'node:assert/strict';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { createHub, type Hub } from '../../nodes/runtime/hub.ts';
import type { HubSettings } from '../../nodes/runtime/settings.ts';
import { esp32 } from '../support/hub-client.ts';
import { until } from '../support/until.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const registration = { id: 'registration', role: 'device', registration: true } as const;

describe('a hub and the MQTT sessions of its devices', () => {
  let dataDir: string;
  let hub: Hub;
  const clients: MqttClient[] = [];

  const start = async (): Promise<void> => {
    const settings: HubSettings = {
      ...{
        dataDir,
        rpcPath: '/rpc',
        wsPath: '/ws',
        metricsPath: '/metrics',
        heartbeatInterval: 60,
        telemetryInterval: 60,
      },
      ...{ commandTimeoutMs: 1_000, settleTimeoutMs: 1_000, unknownTypes: 'learn' },
      ...{
        deviceKeyDays: 0,
        maxDevices: 10,
        adminKey: undefined,
        registrationKey: undefined,
        secretKey: {},
      },
      broker: { kind: 'embedded', host: '127.0.0.1', port: 0 },
      store: { kind: 'sqlite', file: '', retention: { by_type: {} } },
    };
    hub = await createHub(settings, silent);
  };
  /** Connects a device to a session that is kept. */
  const connect = async (id: string, key: string): Promise<MqttClient> => {
    const client = await connectAsync(hub.mqtt.url, {
      ...{ username: id, password: key, clientId: id, clean: false, reconnectPeriod: 0 },
      ...{ protocolVersion: 5, properties: { sessionExpiryInterval: 3600 } },
    });
    clients.push(client);
    return client;
  };
  const dropped = async (): Promise<unknown> => {
    const info = (await hub.info()) as { mqtt: { dropped: unknown } };
    return info.mqtt.dropped;
  };

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'llm-iot-hub-'));
    await start();
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.end(true);
    await hub.close();
    await rm(dataDir, { recursive: true });
  });

  it('are kept in the data directory until the device is removed, and what is dropped is told', async () => {
    const { device_id: id, api_key: key = '' } = await hub.devices.register(
      esp32() as Record<string, unknown>,
      registration,
    );
    const topic = `llm-iot/devices/${id}/notice`;
    const first = await connect(id, key);
    await first.subscribeAsync(topic, { qos: 1 });
    first.stream.destroy();
    await until('it is gone', () => hub.mqtt.stats().clients === 0);
    assert.deepEqual(await dropped(), {});
    await hub.mqtt.publish(topic, 'do it', { qos: 1 });
    await access(join(dataDir, 'mqtt.db'));

    await hub.close();
    await start();
    await hub.mqtt.publish(topic, 'and this', { qos: 1 });
    await hub.removeDevice(id);
    assert.deepEqual(await dropped(), { session_ended: 2 });
    await hub.mqtt.publish(topic, 'for nobody', { qos: 1 });

    await hub.close();
    await start();
    await hub.mqtt.publish(topic, 'for nobody', { qos: 1 });
    assert.deepEqual(await dropped(), {});
  });
});
