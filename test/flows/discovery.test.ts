import assert from 'node:assert/strict';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import {
  ask,
  call,
  eventually,
  joinDevice,
  openSocket,
  type TestDevice,
} from '../support/hub-client.ts';
import { roomNode } from '../support/house.ts';

const airQuality = {
  kind: 'sensor',
  name: 'house-air-quality',
  version: '1.0.0',
  manufacturer: 'House',
  model: 'Air 1',
  description: 'Carbon dioxide and dust in a room',
  datasheet: 'https://house.example/air-1.pdf',
  identity: { bus: 'i2c', addresses: ['0x2a'] },
  measurements: [
    { measurement_type: 'co2', unit: 'ppm', range: { min: 0, max: 5000 } },
    { measurement_type: 'dust', unit: 'microgram_per_cubic_meter' },
  ],
};

describe('sensor discovery with the running hub', function () {
  this.timeout(20_000);
  let hub: RunningHub;
  let node: TestDevice;

  before(async () => {
    hub = await startHub();
    node = await joinDevice(hub, roomNode('living room'));
  });
  after(async () => {
    await node.end();
    await hub.stop();
    await hub.cleanUp();
  });

  const discover = (params: object): ReturnType<typeof call> =>
    call(hub, 'sensor.discover', { mcu_id: node.id, ...params }, node.key);
  const register = (change: object): ReturnType<typeof call> =>
    call(hub, 'schema.register', { ...airQuality, ...change });

  it('knows at least 40 common sensors, with measurements, units, ranges and accuracy', async () => {
    const { schemas } = await ask(hub, 'schema.list', { kind: 'sensor', limit: 500 });
    assert.ok(schemas.length >= 40, String(schemas.length));
    const models = schemas.map(({ model }: { model: string }) => model);
    for (const model of ['BMP580', 'BME280', 'SHT31', 'SCD41', 'DS18B20', 'INA219', 'MPU-6050'])
      assert.ok(models.includes(model), model);
    const { name } = schemas.find(({ model }: { model: string }) => model === 'BMP580');
    const template = await ask(hub, 'schema.get', { name });
    assert.match(template.version, /^\d+\.\d+\.\d+$/);
    assert.match(template.datasheet, /BMP580/);
    for (const { unit, range, accuracy } of template.measurements) {
      assert.equal(typeof unit, 'string');
      assert.ok(range.min < range.max);
      assert.equal(typeof accuracy, 'string');
    }
  });

  it('a bus scan alone (address, chip id) is answered with ranked candidates', async () => {
    const { result } = await discover({ scan: { bus: 'i2c', address: '0x47', chip_id: '0x50' } });
    const [best, ...others] = result.candidates;
    assert.match(best.template, /^bosch-bmp580@/);
    let score = best.score;
    for (const other of others) {
      assert.ok(other.score <= score);
      score = other.score;
    }
    const address = await discover({ i2c_address: '0x76' });
    assert.ok(address.result.candidates.length > 1, 'an address alone fits several');
    assert.ok(address.result.candidates[0].score < best.score);
    const { sensors } = await ask(hub, 'sensor.list', { mcu_id: node.id });
    assert.deepEqual(sensors, [], 'a scan registers nothing');
  });

  it('a full schema gives the sensor a UUID under its MCU, and its measurements from the template', async () => {
    const listener = await openSocket(hub);
    await listener.call('subscribe', { channels: [`device.${node.id}.events`] });
    const params = {
      name: 'barometer',
      static_schema: {
        manufacturer: 'Bosch',
        model: 'BMP580',
        communication: { primary_protocol: 'I2C', i2c: { address: '0x47' } },
      },
    };
    const { result } = await discover(params);
    assert.match(result.template, /^bosch-bmp580@\d+\.\d+\.\d+$/);
    const { sensors } = await ask(hub, 'sensor.list', { measurement_type: 'pressure' });
    const sensor = sensors.find(
      ({ sensor_id }: { sensor_id: string }) => sensor_id === result.sensor_id,
    );
    assert.equal(sensor.mcu_id, node.id);
    assert.equal(sensor.name, 'barometer');
    const types = sensor.measurements.map(
      ({ measurement_type }: { measurement_type: string }) => measurement_type,
    );
    assert.ok(types.includes('pressure'));
    const event = await eventually('the event', () =>
      Promise.resolve(listener.updates().find(({ data }) => data.event === 'sensor_discovered')),
    );
    assert.equal(event.data.sensor.sensor_id, result.sensor_id);
    const again = await discover(params);
    assert.equal(again.result.sensor_id, result.sensor_id, 'the same sensor, not a second one');
    await listener.close();
  });

  it('a schema without measurements of a sensor nobody knows is refused with the nearest templates', async () => {
    const { error } = await discover({
      static_schema: { manufacturer: 'Bosch', model: 'BMP581x' },
    });
    assert.equal(error?.code, -32004);
    assert.equal(error.data.field, 'measurements');
    assert.ok(error.data.nearest.length > 0);
  });

  it('an unknown MCU is -32000', async () => {
    const { error } = await call(hub, 'sensor.discover', {
      mcu_id: 'nobody',
      i2c_address: '0x76',
    });
    assert.equal(error?.code, -32000);
  });

  it('schema.register adds a template that scans and sensors find at once', async () => {
    assert.equal(
      (await discover({ i2c_address: '0x2a' })).result.candidates.some(
        ({ template }: { template: string }) => template.startsWith('house-air'),
      ),
      false,
    );
    const { result, error } = await register({});
    assert.equal(error, undefined);
    assert.deepEqual([result.name, result.version], ['house-air-quality', '1.0.0']);
    const scan = await discover({ i2c_address: '0x2a' });
    assert.ok(
      scan.result.candidates.some(
        ({ template }: { template: string }) => template === 'house-air-quality@1.0.0',
      ),
    );
    const sensor = await discover({ static_schema: { manufacturer: 'House', model: 'Air 1' } });
    assert.equal(sensor.result.template, 'house-air-quality@1.0.0');
  });

  it('a version that breaks stored readings needs a new major version, else -32004 says why', async () => {
    const narrower = [{ measurement_type: 'co2', unit: 'percent', range: { min: 0, max: 2000 } }];
    const { error } = await register({ version: '1.1.0', measurements: narrower });
    assert.equal(error?.code, -32004);
    const changes = error.data.changes.join('; ');
    assert.match(changes, /co2/);
    assert.match(changes, /dust/);
    assert.match(error.data.reason, /2\.0\.0/);
    assert.equal((await register({})).error?.code, -32004, 'a version never changes');
    assert.equal((await register({ version: 'next' })).error?.code, -32004);

    const wider = [...airQuality.measurements, { measurement_type: 'voc', unit: 'ppb' }];
    assert.equal((await register({ version: '1.1.0', measurements: wider })).error, undefined);
    assert.equal((await register({ version: '2.0.0', measurements: narrower })).error, undefined);
    const newest = await ask(hub, 'schema.get', { name: 'house-air-quality' });
    assert.equal(newest.version, '2.0.0');
    const first = await ask(hub, 'schema.get', { name: 'house-air-quality', version: '1.0.0' });
    assert.equal(first.measurements.length, 2);
  });

  it('sensors found earlier keep the version they were found with', async () => {
    const { sensors } = await ask(hub, 'sensor.list', { mcu_id: node.id });
    const sensor = sensors.find(({ model }: { model: string }) => model === 'Air 1');
    assert.equal(sensor.template, 'house-air-quality@1.0.0');
    assert.equal(sensor.measurements[0].unit, 'ppm');
  });
});
