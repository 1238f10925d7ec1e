import assert from 'node:assert/strict';
import { ask, call, joinDevice, type TestDevice } from '../support/hub-client.ts';
import { readHouse } from '../support/house-recording.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import { roomNode } from '../support/house.ts';

/* eslint-disable @typescript-eslint/no-explicit-any */

describe('answers for a model with the running hub and a recorded house', function () {
  this.timeout(60_000);
  const house = readHouse();
  const kitchen = house.flatMap(({ at, readings }) => {
    const [column] = Object.keys(readings['kitchen'] ?? {}).filter((name) =>
      name.includes('temperature'),
    );
    const value = readings['kitchen']?.[column ?? ''];
    return value === undefined || Number.isNaN(value) ? [] : [{ at, value }];
  });
  const days = [...new Set(kitchen.map(({ at }) => new Date(at).toISOString().slice(0, 10)))];
  let hub: RunningHub;
  let device: TestDevice;

  before(async () => {
    hub = await startHub();
    device = await joinDevice(hub, roomNode('kitchen'));
    for (let from = 0; from < kitchen.length; from += 500)
      await device.publish(
        'telemetry',
        kitchen.slice(from, from + 500).map(({ at: timestamp, value }) => ({
          measurement_type: 'temperature',
          value,
          timestamp,
        })),
      );
  });
  after(async () => {
    await device.end();
    await hub.stop();
    await hub.cleanUp();
  });

  it('gives the average of each recorded day, as a naive look at the recording does, and its query gives it again', async () => {
    assert.ok(days.length >= 1 && kitchen.length > 100);
    for (const day of days) {
      const own = kitchen.filter(({ at }) => new Date(at).toISOString().startsWith(day));
      const mean = own.reduce((sum, { value }) => sum + value, 0) / own.length;
      const answer: any = await ask(hub, 'telemetry.history', {
        device: device.id,
        measurement: 'temperature',
        time: day,
        time_zone: 'UTC',
      });
      const [{ stats, evidence, unit_code: code }] = answer.series;
      assert.equal(stats.count, own.length);
      assert.equal(evidence.count, own.length);
      assert.ok(Math.abs(stats.avg - mean) < 1e-9, `${day}: ${stats.avg} and ${mean}`);
      assert.equal(stats.max, Math.max(...own.map(({ value }) => value)));
      assert.equal(code, 'Cel');
      const { series }: any = await ask(hub, 'data.query', evidence.query);
      assert.equal(series[0].points[0].value, stats.avg);
      assert.equal(series[0].points[0].count, stats.count);
      assert.match(answer.summary, /temperature: avg \d+(\.\d+)? °C of \d+ readings/);
    }
  });

  it('finds the hole in a recording, and says so in one sentence', async () => {
    const [first, last] = [kitchen[0]!.at, kitchen.at(-1)!.at];
    const { series, summary }: any = await ask(hub, 'telemetry.history', {
      device: device.id,
      time: { start: first, end: last + 24 * 3_600_000 },
      unusual: true,
    });
    const { longest, usual_interval_s: usual } = series[0].evidence.gaps;
    assert.ok(longest.seconds > 23 * 3_600);
    // Intervals of an hour tell it to within a factor of two.
    const steps = kitchen.slice(1).map(({ at }, i) => (at - kitchen[i]!.at) / 1_000);
    const median = steps.toSorted((a, b) => a - b)[steps.length >>> 1]!;
    assert.ok(usual >= median / 2 && usual <= median * 2, `${usual} and ${median}`);
    assert.ok(series[0].unusual.some(({ kind }: any) => kind === 'gap'));
    assert.match(summary, /Unusual: /);
  });

  it('waits for a reading that comes over MQTT, and answers with it', async () => {
    const answer = ask(hub, 'telemetry.wait', {
      device: device.id,
      measurement: 'temperature',
      until: { above: 60 },
      timeout_s: 20,
    });
    // Whichever of the two is first: a hot reading is told to who waits, and is hot already to who comes later.
    await device.publish('telemetry', [
      { measurement_type: 'temperature', value: 70, timestamp: Date.now() },
    ]);
    const { met, reading }: any = await answer;
    assert.deepEqual([met, reading.value], [true, 70]);
    const { readings }: any = await ask(hub, 'telemetry.read', { device: device.id });
    assert.deepEqual([readings[0].value, readings[0].stale], [70, false]);
  });

  it('answers of alarms within a budget if asked to, and as ever if not', async () => {
    await call(hub, 'telemetry.update', {
      device_id: device.id,
      data: { live_readings: [{ measurement_type: 'temperature', value: 'hot' }] },
    });
    const plain: any = await ask(hub, 'alert.list', {});
    assert.deepEqual(Object.keys(plain).sort(), ['alerts', 'untrusted']);
    const short: any = await ask(hub, 'alert.list', { device: device.id, max_bytes: 1_024 });
    assert.match(short.summary, /^1 alarm, /);
    assert.equal(short.understood.device, device.id);
    assert.equal(short.alerts[0].alert_id, plain.alerts[0].alert_id);
  });
});
