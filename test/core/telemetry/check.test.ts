import assert from 'node:assert/strict';
import {
  createReadingCheck,
  type ReadingCheckSettings,
} from '../../../nodes/core/telemetry/check.ts';
import type { Reading } from '../../../nodes/core/telemetry/types.ts';
import { createDomain } from '../../support/domain.ts';

const temperature = {
  measurement_type: 'temperature',
  value_type: 'number',
  unit: 'celsius',
  range: { min: -40, max: 85 },
};

async function create(
  settings: Partial<ReadingCheckSettings> = {},
  measurements: object[] = [temperature],
) {
  const domain = createDomain();
  const { registry, clock } = domain;
  const check = createReadingCheck({
    registry,
    clock,
    settings: { unknownTypes: 'learn', ...settings },
  });
  const { device_id } = await domain.register({}, { measurements });
  const reading = (more: Partial<Reading> = {}): Reading => ({
    device_id,
    measurement_type: 'temperature',
    value: 20,
    timestamp: clock.now(),
    ...more,
  });
  const sensor = async (model: string, declared: object[] = [temperature]): Promise<string> => {
    const static_schema = { model, measurements: declared };
    const found = await registry.discoverSensor({ mcu_id: device_id, static_schema });
    return (found as { sensor_id: string }).sensor_id;
  };
  const reasons = async (...readings: Reading[]) =>
    (await check(readings)).rejected.map(({ code, reason }) => `${code} ${reason}`);
  return { ...domain, check, device_id, reading, sensor, reasons };
}

describe('checking readings', () => {
  it('fills in unit and quality, and leaves a complete reading as it is', async () => {
    const { check, reading } = await create();
    const complete = reading({ unit: 'celsius', quality: 'uncertain' });
    const { accepted, rejected } = await check([reading(), complete]);
    assert.deepEqual(accepted[0], reading({ unit: 'celsius', quality: 'good' }));
    assert.equal(accepted[1], complete);
    assert.deepEqual(rejected, []);
  });

  it('rejects what is not as declared, saying what would be', async () => {
    const { reading, reasons } = await create();
    const [type, unit, high, low, quality] = await reasons(
      reading({ value: 'warm' }),
      reading({ unit: 'fahrenheit' }),
      reading({ value: 999 }),
      reading({ value: -41 }),
      reading({ quality: 'great' as 'good' }),
    );
    assert.match(type!, /-32004.*must be a number/);
    assert.match(unit!, /-32004.*must be celsius/);
    assert.match(high!, /-32004.*999 is outside -40 to 85 celsius/);
    assert.match(low!, /outside/);
    assert.match(quality!, /good, uncertain, bad/);
  });

  it('accepts the bounds of a range', async () => {
    const { check, reading } = await create();
    const { accepted } = await check([reading({ value: -40 }), reading({ value: 85 })]);
    assert.equal(accepted.length, 2);
  });

  it('keeps the others of a batch, and counts positions as in the message', async () => {
    const { check, reading } = await create();
    const readings = [reading(), reading({ value: 'x' }), reading()];
    assert.equal((await check(readings)).rejected[0]!.index, 1);
    const { accepted, rejected } = await check(readings, [0, 5, 6]);
    assert.equal(accepted.length, 2);
    assert.equal(rejected[0]!.index, 5);
  });

  it('rejects unknown devices and sensors of other devices with -32000', async () => {
    const { reading, sensor, register, reasons } = await create();
    const other = await register();
    const sensorId = await sensor('A');
    const found = await reasons(
      reading({ device_id: 'nobody' }),
      reading({ sensor_id: 'nothing' }),
      reading({ device_id: other.device_id, sensor_id: sensorId }),
    );
    assert.match(found[0]!, /-32000.*no device nobody/);
    assert.match(found[1]!, /-32000.*no sensor nothing/);
    assert.match(found[2]!, /-32000.*not one of this device/);
  });

  it('takes readings out of order and late, but none from the future or before 2000', async () => {
    const { check, reading, clock, reasons } = await create();
    const now = clock.now();
    const good = [now, now - 86_400_000, now - 5, now + 300_000, Date.UTC(2000, 0, 1)];
    assert.equal((await check(good.map((timestamp) => reading({ timestamp })))).accepted.length, 5);
    const bad = await reasons(
      reading({ timestamp: now + 300_001 }),
      reading({ timestamp: Date.UTC(1999, 11, 31) }),
      reading({ timestamp: now / 1_000 }),
    );
    assert.match(bad[0]!, /-32004.*future/);
    assert.match(bad[1]!, /-32004.*before 2000/);
    assert.match(bad[2]!, /milliseconds/);
  });

  it('gives a reading of the MCU to the one sensor that declares its type', async () => {
    const { check, reading, sensor, device_id } = await create({}, []);
    const sensorId = await sensor('A');
    const expected = reading({ sensor_id: sensorId, unit: 'celsius', quality: 'good' });
    for (const given of [
      reading(),
      reading({ device_id: sensorId }),
      reading({ sensor_id: sensorId }),
    ])
      assert.deepEqual((await check([given])).accepted, [expected]);
    assert.equal(expected.device_id, device_id);
  });

  it('asks for sensor_id when several sensors declare a type, and takes it', async () => {
    const { check, reading, sensor, reasons } = await create({}, []);
    const first = await sensor('A');
    const second = await sensor('B');
    const [reason] = await reasons(reading());
    assert.match(reason!, new RegExp(`-32004 2 sensors.*sensor_id.*${first}, ${second}`));
    assert.equal((await check([reading({ sensor_id: second })])).accepted[0]!.sensor_id, second);
  });

  it('keeps for the MCU what it declares itself', async () => {
    const { check, reading, sensor } = await create();
    await sensor('A');
    assert.equal((await check([reading()])).accepted[0]!.sensor_id, undefined);
  });
});

describe('learning a measurement type nobody declared', () => {
  it('fixes type and unit by the first reading, and stores them', async () => {
    const { check, reading, registry, device_id, records, reasons } = await create({}, []);
    const { accepted } = await check([reading({ unit: 'kelvin' }), reading({ unit: 'celsius' })]);
    assert.equal(accepted.length, 1);
    const learned = {
      measurement_type: 'temperature',
      value_type: 'number',
      unit: 'kelvin',
      learned: true,
    };
    assert.deepEqual(registry.get(device_id).measurements, [learned]);
    assert.deepEqual(records.peek('device', device_id)!['measurements'], [learned]);
    const [value, unit] = await reasons(reading({ value: 'x' }), reading({ unit: 'celsius' }));
    assert.match(value!, /must be a number/);
    assert.match(unit!, /must be kelvin/);
    assert.equal((await check([reading()])).accepted[0]!.unit, 'kelvin');
  });

  it('keeps a type without a unit without one', async () => {
    const { check, reading, reasons } = await create({}, []);
    await check([reading({ measurement_type: 'state', value: true })]);
    const [reason] = await reasons(reading({ measurement_type: 'state', value: true, unit: 'v' }));
    assert.match(reason!, /no unit/);
  });

  it('writes a record once for many types, and not again', async () => {
    const { check, reading, records } = await create({}, []);
    const writes = records.writes();
    const readings = Array.from({ length: 20 }, (_, n) => reading({ measurement_type: `t${n}` }));
    await check(readings);
    await check(readings);
    assert.equal(records.writes(), writes + 1);
  });

  it('is the same for two batches at once: the first reading decides', async () => {
    const { check, reading, registry, device_id } = await create({}, []);
    const [first, second] = await Promise.all([
      check([reading({ unit: 'celsius' }), reading({ measurement_type: 'a' })]),
      check([reading({ unit: 'kelvin' }), reading({ measurement_type: 'b' })]),
    ]);
    assert.equal(first.rejected.length, 0);
    assert.equal(second.rejected.length, 1);
    assert.deepEqual(
      registry.get(device_id).measurements.map((m) => m.measurement_type),
      ['temperature', 'a', 'b'],
    );
  });

  it('happens at the sensor for readings of a sensor', async () => {
    const { check, reading, sensor, registry, device_id } = await create({}, []);
    const sensorId = await sensor('A', []);
    await check([reading({ sensor_id: sensorId, measurement_type: 'noise' })]);
    assert.equal(registry.resolve(sensorId)!.sensor!.measurements.length, 1);
    assert.equal(registry.get(device_id).measurements.length, 0);
  });

  it('stops at 256 types', async () => {
    const { check, reading } = await create({}, []);
    const readings = Array.from({ length: 257 }, (_, n) => reading({ measurement_type: `t${n}` }));
    const { accepted, rejected } = await check(readings);
    assert.equal(accepted.length, 256);
    assert.match(rejected[0]!.reason, /256/);
  });

  it('fails with the store, and then knows nothing of it', async () => {
    const { check, reading, records, registry, device_id } = await create({}, []);
    records.failWith(new Error('disk full'));
    await assert.rejects(check([reading({ unit: 'kelvin' })]), /disk full/);
    records.failWith(undefined);
    assert.equal((await check([reading({ unit: 'celsius' })])).accepted.length, 1);
    assert.equal(registry.get(device_id).measurements[0]!.unit, 'celsius');
  });

  it('is refused with -32004 where the hub says so', async () => {
    const { reading, reasons, check } = await create({ unknownTypes: 'refuse' });
    const [reason] = await reasons(reading({ measurement_type: 'noise' }));
    assert.match(reason!, /-32004 noise is declared neither/);
    assert.equal((await check([reading()])).accepted.length, 1);
  });

  it('gives way to a sensor that declares the type later', async () => {
    const { check, reading, sensor } = await create({}, []);
    assert.equal((await check([reading({ unit: 'celsius' })])).accepted[0]!.sensor_id, undefined);
    const sensorId = await sensor('A');
    assert.equal((await check([reading()])).accepted[0]!.sensor_id, sensorId);
  });
});
