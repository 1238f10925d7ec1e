import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { connectAsync } from 'mqtt';
import type { BehaviourRecord } from '../../nodes/core/security/behaviour.ts';
import { ask, eventually, joinDevice, temperature } from '../support/hub-client.ts';
import { startHub } from '../support/hub-process.ts';

describe('a device that behaves unlike itself, with the running hub', function () {
  this.timeout(30_000);

  it('raises alarms with the evidence, from what was kept over a restart', async () => {
    let hub = await startHub();
    const { dataDir } = hub;
    try {
      const device = await joinDevice(hub);
      await device.end();
      await hub.stop();
      const past: BehaviourRecord = {
        device_id: device.id,
        rates: Array.from({ length: 30 }, () => 8),
        sizes: Array.from({ length: 30 }, () => 60),
        hours: Array.from({ length: 24 }, () => 20),
        days: 20,
        commands: [],
        command_count: 0,
        networks: ['192.0.2.0/24'],
      };
      const db = new DatabaseSync(join(dataDir, 'hub.db'));
      db.prepare(
        `INSERT OR REPLACE INTO records (kind, id, document) VALUES ('behaviour', ?, ?)`,
      ).run(device.id, JSON.stringify(past));
      db.close();

      hub = await startHub({ dataDir });
      const mqtt = await connectAsync(hub.mqttUrl, { username: device.id, password: device.key });
      const topic = `llm-iot/devices/${device.id}/telemetry`;
      for (let i = 0; i < 40; i++)
        await mqtt.publishAsync(topic, JSON.stringify(temperature(20 + i / 10)), { qos: 1 });
      await mqtt.publishAsync(topic, JSON.stringify(temperature(20, { note: 'x'.repeat(9_000) })), {
        qos: 1,
      });
      await mqtt.endAsync();
      const find = async (kind: string) => {
        const { alerts } = await ask(hub, 'alert.list', { device_id: device.id });
        return alerts.find((alert: { kind: string }) => alert.kind === kind);
      };
      const flood = await eventually('the alarm about the rate', () => find('anomaly_rate'));
      assert.equal(flood.severity, 'warning');
      assert.match(flood.message, /^21 messages within 900 s, usual are 1$/);
      assert.deepEqual(flood.data, {
        messages: 21,
        window_s: 900,
        usual: 1,
        limit: 20,
        windows_known: 30,
      });
      const dump = await eventually('the alarm about the size', () => find('anomaly_size'));
      assert.ok(dump.data.bytes > 9_000);
    } finally {
      await hub.stop();
      await hub.cleanUp();
    }
  });
});
