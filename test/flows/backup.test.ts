import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, call, esp32, joinDevice, temperature } from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';

describe('hub.backup', function () {
  this.timeout(60_000);
  let hub: RunningHub;
  beforeEach(async () => {
    hub = await startHub();
  });
  afterEach(async () => {
    await hub.stop();
    await hub.cleanUp();
  });

  it('makes a copy that another hub runs from, with every reading acknowledged before', async () => {
    const device = await joinDevice(hub, esp32('backed-up'));
    const start = Date.UTC(2026, 0, 1);
    const tell = (minute: number): Promise<void> =>
      device.publish(
        'telemetry',
        temperature(minute % 40, { timestamp: new Date(start + minute * 60_000).toISOString() }),
      );
    for (let minute = 0; minute < 50; minute++) await tell(minute);
    const [made] = await Promise.all([
      ask(hub, 'hub.backup'),
      ...Array.from({ length: 50 }, (_, minute) => tell(50 + minute)),
    ]);
    const folder = join(hub.dataDir, made.folder);
    assert.deepEqual((await readdir(folder)).sort(), ['audit.db', 'hub.db', 'telemetry.db']);
    for (const { name, bytes } of made.files)
      assert.equal((await stat(join(folder, name))).size, bytes);
    await device.end();

    const dataDir = await mkdtemp(join(tmpdir(), 'llm-iot-restored-'));
    await cp(folder, dataDir, { recursive: true });
    // The key is in no backup, and without it the hub does not start.
    await assert.rejects(startHub({ dataDir }), /the key of this data directory is missing/);
    const env = { LLM_IOT_SECRET_KEY: randomBytes(32).toString('hex') };
    await assert.rejects(startHub({ dataDir, env }), /is not the one of this data directory/);
    await cp(join(hub.dataDir, 'secret-key'), join(dataDir, 'secret-key'));
    const restored = await startHub({ dataDir });
    const { series } = await ask(restored, 'data.query', {
      device_ids: [device.id],
      time_range: { start, end: start + 86_400_000 },
    });
    assert.ok(series[0].points.length >= 50, 'what was acknowledged before the backup is in it');
    const kept = await ask(restored, 'device.get', { device_id: device.id }, device.key);
    assert.equal(kept.hardware_id, 'backed-up', 'the device is known, and its key is good');
    await restored.stop();
    await restored.cleanUp();
  });

  it('is for administrators, and one at a time', async () => {
    const device = await joinDevice(hub, esp32('curious'));
    assert.equal((await call(hub, 'hub.backup', {}, device.key)).error?.code, -32005);
    const both = await Promise.all([call(hub, 'hub.backup'), call(hub, 'hub.backup')]);
    assert.deepEqual(both.map(({ error }) => error?.code).sort(), [-32006, undefined]);
    await device.end();
  });
});
