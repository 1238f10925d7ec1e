import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startHub } from '../support/hub-process.ts';
import {
  ask,
  call,
  deploy,
  esp32,
  getFlow,
  joinDevice,
  temperature,
} from '../support/hub-client.ts';

describe('stopping and starting the hub', function () {
  this.timeout(90_000);

  it('kill -9 and a restart lose no device, no sensor, no acknowledged reading, and devices resume', async () => {
    const first = await startHub();
    const device = await joinDevice(first, esp32('survivor'));
    const sensor = await ask(
      first,
      'sensor.discover',
      {
        mcu_id: device.id,
        static_schema: {
          manufacturer: 'Bosch',
          model: 'BMP580',
          communication: { primary_protocol: 'I2C', i2c: { address: '0x47' } },
        },
      },
      device.key,
    );
    let acknowledged = 0;
    let killed = false;
    const start = Date.UTC(2026, 0, 1);
    const flood = (async () => {
      for (let index = 0; !killed; index++) {
        await device.publish('telemetry', temperature(20, { timestamp: start + index * 1000 }));
        acknowledged = index + 1;
      }
    })().catch(() => undefined);
    while (acknowledged < 300) await new Promise((resolve) => setTimeout(resolve, 10));
    await first.kill();
    killed = true;
    device.mqtt.end(true);
    await flood;

    const second = await startHub({ dataDir: first.dataDir });
    try {
      const { devices } = await ask(second, 'device.list');
      assert.deepEqual(
        devices.map((one: { device_id: string }) => one.device_id),
        [device.id],
      );
      const { sensors } = await ask(second, 'sensor.list', { mcu_id: device.id });
      assert.equal(sensors[0].sensor_id, sensor.sensor_id);
      const { series } = await ask(second, 'data.query', {
        device_ids: [device.id],
        measurement_types: ['temperature'],
        time_range: { start, end: start + 86_400_000 },
        aggregation: 'count',
      });
      const stored = series.reduce(
        (sum: number, one: { points: { value: number }[] }) => sum + one.points[0]!.value,
        0,
      );
      assert.ok(stored >= acknowledged, `${stored} stored, ${acknowledged} acknowledged`);

      const again = await ask(second, 'device.register', esp32('survivor'), device.key);
      assert.equal(again.device_id, device.id);
      assert.equal(again.resumed, true);
      assert.equal(again.api_key, undefined);
      const stranger = await call(
        second,
        'device.register',
        esp32('survivor'),
        second.registrationKey,
      );
      assert.equal(stranger.error?.code, -32005);
    } finally {
      await second.stop();
      await second.cleanUp();
    }
  });

  it('SIGINT and SIGTERM stop it cleanly, with exit code 0', async () => {
    const hub = await startHub();
    try {
      await joinDevice(hub, esp32('left-connected'));
      assert.equal(await hub.stop(), 0);
    } finally {
      await hub.cleanUp();
    }
  });

  it('keys are made and shown on first start only, and only their hashes are kept', async () => {
    const noKeys = { LLM_IOT_ADMIN_KEY: '', LLM_IOT_REGISTRATION_KEY: '' };
    const first = await startHub({ env: noKeys });
    const adminKey = /Admin key\s+(\S+)/.exec(first.output())?.[1] ?? '';
    const registrationKey = /Registration key\s+(\S+)/.exec(first.output())?.[1] ?? '';
    assert.ok(adminKey.length > 40 && registrationKey.length > 40);
    assert.match(first.output(), /curl -s http/);
    assert.equal((await ask(first, 'hub.health', {}, adminKey)).status, 'up');
    await first.stop();

    const second = await startHub({ env: noKeys, dataDir: first.dataDir });
    try {
      assert.doesNotMatch(second.output(), /Admin key/);
      await ask(second, 'hub.info', {}, adminKey);
      const found = execFileSync(
        'sh',
        [
          '-c',
          `grep -rlF -e '${adminKey}' -e '${registrationKey}' --exclude-dir=node_modules . || true`,
        ],
        {
          cwd: first.dataDir,
          encoding: 'utf8',
        },
      );
      assert.equal(found, '', 'no file holds a key');
    } finally {
      await second.stop();
      await second.cleanUp();
    }
  });

  it('does not start with an editor that is open to the network, and says how to set a password', async () => {
    await assert.rejects(startHub({ env: { LLM_IOT_HOST: '0.0.0.0' } }), /LLM_IOT_EDITOR_PASSWORD/);
  });

  it('a deploy changes the copy of the flow in the data directory, never the one in the package', async () => {
    const shipped = new URL('../../flows/hub.json', import.meta.url);
    const before = await readFile(shipped, 'utf8');
    const hub = await startHub();
    try {
      const flow = await getFlow(hub);
      await deploy(
        hub,
        flow.filter(({ type }) => type !== 'comment'),
      );
      assert.equal(await readFile(shipped, 'utf8'), before);
      assert.ok(!(await readFile(join(hub.dataDir, 'flows.json'), 'utf8')).includes('"comment"'));
      execFileSync('test', ['-f', join(hub.dataDir, 'hub.db')]);
    } finally {
      await hub.stop();
      await hub.cleanUp();
    }
  });
});
