import assert from 'node:assert/strict';
import { admin, createDomain, rpcError } from '../../support/domain.ts';

describe('the device registry', () => {
  it('lists by filters, in order of registration, page by page', async () => {
    const { register, registry, clock } = createDomain();
    const made: string[] = [];
    for (let n = 0; n < 25; n++) {
      if (n % 3 === 0) clock.advance(1_000);
      const labels = { floor: n % 2 ? 'up' : 'down' };
      const { device_id } = await register({ name: `Sensor ${n}`, labels, location: `Room ${n}` });
      made.push(device_id);
    }
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = registry.list({ limit: 10, ...(cursor !== undefined && { cursor }) });
      seen.push(...page.devices.map(({ device_id }) => device_id));
      ({ cursor } = page);
    } while (cursor !== undefined);
    assert.deepEqual(seen, made);
    assert.equal(registry.list({ labels: { floor: 'up' } }).devices.length, 12);
    assert.equal(registry.list({ search: 'room 2' }).devices.length, 6);
    assert.equal(registry.list({ name: 'sensor 7' }).devices[0]!.location, 'Room 7');
    assert.equal(registry.list({ status: 'offline' }).devices.length, 0);
    assert.equal(registry.list({ device_type: 'MCU', location: 'room 11' }).devices.length, 1);
  });

  it('goes on where a page ended, though its last device was removed', async () => {
    const { register, registry } = createDomain();
    for (let n = 0; n < 4; n++) await register();
    const first = registry.list({ limit: 2 });
    await registry.remove(first.devices[1]!.device_id);
    const second = registry.list({ limit: 2, cursor: first.cursor });
    assert.equal(second.devices.length, 2);
    assert.equal(second.cursor, undefined);
  });

  it('refuses filters that make no sense', () => {
    const { registry } = createDomain();
    for (const params of [
      { limit: 1_001 },
      { limit: 0 },
      { cursor: 'x' },
      { status: 'asleep' },
      { labels: 'a' },
    ])
      assert.throws(() => registry.list(params), rpcError(-32602));
  });

  it('names the device that was probably meant when an id is unknown', async () => {
    const { register, registry } = createDomain();
    const { device_id } = await register({ name: 'Kitchen' });
    for (const id of ['kitchen', 'Kitchn', 'kit', device_id.replace('4000', '4001')]) {
      assert.throws(
        () => registry.get(id),
        (error: { code: number; details: { nearest: object } }) => {
          assert.equal(error.code, -32000);
          assert.deepEqual(error.details.nearest, { device_id, name: 'Kitchen' });
          return true;
        },
      );
    }
    assert.throws(() => registry.get(undefined), rpcError(-32602, /device_id/));
  });

  it('shows the live last_seen', async () => {
    const { register, registry, clock, records } = createDomain();
    const { device_id } = await register();
    const writes = records.writes();
    clock.advance(5_000);
    registry.touch(device_id);
    assert.equal(registry.view(device_id).last_seen, '2026-01-01T00:00:05.000Z');
    assert.equal(registry.list({}).devices[0]!.last_seen, '2026-01-01T00:00:05.000Z');
    assert.equal(records.writes(), writes);
  });

  it('updates name, location and labels, and takes a location away', async () => {
    const { register, registry, told } = createDomain();
    const { device_id } = await register({ location: 'Cellar' });
    await registry.update({ device_id, name: ' Boiler\u0000 ', labels: { a: 'b' } });
    const device = await registry.update({ device_id, location: null });
    assert.deepEqual(
      [device.name, device.location, device.labels],
      ['Boiler', undefined, { a: 'b' }],
    );
    await assert.rejects(registry.update({ device_id }), rpcError(-32602, /at least one/));
    assert.deepEqual(told, ['registered', 'updated', 'updated']);
  });

  it('loses no change when several are made at once', async () => {
    const { register, registry } = createDomain();
    const { device_id } = await register();
    await Promise.all([
      registry.update({ device_id, name: 'New' }),
      registry.setAppliedConfig(device_id, { a: 1 }),
      registry.setStatus(device_id, 'offline', 'test'),
      registry.learn(device_id, [{ measurement_type: 'x', value_type: 'number', learned: true }]),
    ]);
    const device = registry.get(device_id);
    assert.equal(device.name, 'New');
    assert.deepEqual(device.applied_config, { a: 1 });
    assert.equal(device.status, 'offline');
    assert.equal(device.measurements.length, 1);
    assert.deepEqual(registry.counts(), {
      devices: 1,
      online: 0,
      offline: 1,
      sensors: 0,
      methods: 0,
    });
  });

  it('removes a device with its sensors and its key', async () => {
    const { register, registry, records, keys, told } = createDomain();
    const { device_id, api_key } = await register({ hardware_id: 'hw' });
    const schema = { model: 'BMP580', address: 'i2c:0x47' };
    const found = await registry.discoverSensor({ mcu_id: device_id, static_schema: schema });
    const sensorId = (found as { sensor_id: string }).sensor_id;
    const removed = await registry.remove(device_id);
    assert.deepEqual(
      removed.sensors.map(({ sensor_id }) => sensor_id),
      [sensorId],
    );
    assert.equal(registry.resolve(device_id), undefined);
    assert.equal(registry.ownerOf(sensorId), undefined);
    assert.equal(keys.authenticate(api_key!), undefined);
    assert.deepEqual(
      [records.count('device'), records.count('sensor'), records.count('key')],
      [0, 0, 0],
    );
    assert.equal(told.at(-1), 'removed');
    await assert.rejects(registry.remove(device_id), rpcError(-32000));
    const again = await register({ hardware_id: 'hw' });
    assert.notEqual(again.device_id, device_id);
  });

  it('answers the same object for an id until something changes', async () => {
    const { register, registry } = createDomain();
    const { device_id } = await register();
    const before = registry.resolve(device_id);
    assert.equal(registry.resolve(device_id), before);
    await registry.discoverSensor({ mcu_id: device_id, static_schema: { model: 'A' } });
    assert.notEqual(registry.resolve(device_id), before);
  });
});

describe('discovering sensors', () => {
  it('answers a bare bus scan with candidates', async () => {
    const { register, registry, schemas } = createDomain();
    const { device_id: mcu_id } = await register();
    const scan = { bus: 'i2c', address: '0x47', chip_id: '0x50' };
    assert.deepEqual(await registry.discoverSensor({ mcu_id, scan }), { candidates: [] });
    await registry.discoverSensor({ mcu_id, i2c_address: 71, chip_id: '0x50' });
    assert.deepEqual(schemas.scans, [scan, { ...scan, address: 71 }]);
    await assert.rejects(registry.discoverSensor({ mcu_id }), rpcError(-32602, /scan/));
  });

  it('assigns a sensor under its MCU and keeps it when it is discovered again', async () => {
    const { register, registry, told, records } = createDomain();
    const { device_id: mcu_id } = await register();
    const schema = { model: 'BMP580', address: 'i2c:0x47', template: 'bosch-bmp580@1.0.0' };
    const [first, second] = await Promise.all([
      registry.discoverSensor({ mcu_id, static_schema: schema }),
      registry.discoverSensor({ mcu_id, static_schema: schema }),
    ]);
    assert.deepEqual(first, second);
    assert.deepEqual(Object.keys(first), ['sensor_id', 'mcu_id', 'assigned_at', 'template']);
    const updated = await registry.discoverSensor({ mcu_id, static_schema: { ...schema, fw: 2 } });
    assert.equal(
      (updated as { sensor_id: string }).sensor_id,
      (first as { sensor_id: string }).sensor_id,
    );
    await registry.discoverSensor({ mcu_id, static_schema: { ...schema, address: 'i2c:0x46' } });
    assert.equal(registry.listSensors({ mcu_id }).sensors.length, 2);
    assert.equal(records.count('sensor'), 2);
    assert.equal(told.filter((name) => name === 'sensor_discovered').length, 3);
  });

  it('tells equal sensors without an address apart by serial number or name', async () => {
    const { register, registry } = createDomain();
    const { device_id: mcu_id } = await register();
    const model = 'NTC';
    await registry.discoverSensor({ mcu_id, static_schema: { model }, name: 'left' });
    await registry.discoverSensor({ mcu_id, static_schema: { model }, name: 'right' });
    await registry.discoverSensor({ mcu_id, static_schema: { model }, name: 'left' });
    await registry.discoverSensor({ mcu_id, static_schema: { model, serial_number: '7' } });
    assert.equal(registry.listSensors({ device_id: mcu_id }).sensors.length, 3);
  });

  it('gives a sensor id the meaning of its MCU', async () => {
    const { register, registry } = createDomain();
    const { device_id: mcu_id } = await register();
    const found = await registry.discoverSensor({ mcu_id, static_schema: { model: 'A' } });
    const { sensor_id } = found as { sensor_id: string };
    assert.equal(registry.ownerOf(sensor_id), mcu_id);
    assert.equal(registry.view(sensor_id).device_id, mcu_id);
    assert.equal(registry.resolve(sensor_id)?.sensor?.sensor_id, sensor_id);
  });

  it('refuses unknown MCUs and more than 64 sensors', async () => {
    const { register, registry } = createDomain();
    await assert.rejects(
      registry.discoverSensor({ mcu_id: 'nobody', static_schema: {} }),
      rpcError(-32000),
    );
    const { device_id: mcu_id } = await register();
    const discover = (n: number) =>
      registry.discoverSensor({ mcu_id, static_schema: { model: `M${n}` } });
    for (let n = 0; n < 64; n++) await discover(n);
    await assert.rejects(discover(64), rpcError(-32006, /64/));
  });

  it('returns the last configuration of sensors when the device resumes', async () => {
    const { register, registry } = createDomain();
    const { device_id: mcu_id } = await register({ hardware_id: 'h' });
    const found = await registry.discoverSensor({ mcu_id, static_schema: { model: 'A' } });
    const { sensor_id } = found as { sensor_id: string };
    await registry.setAppliedConfig(sensor_id, { oversampling: '16X' });
    const params = { device_type: 'mcu', static_schema: {}, device_id: mcu_id };
    const resumed = await registry.register(params, admin);
    assert.deepEqual(resumed.sensor_configs, { [sensor_id]: { oversampling: '16X' } });
    assert.equal(resumed.applied_config, undefined);
  });
});

describe('registering methods', () => {
  const method_name = 'greenhouse.adjust_irrigation';

  it('turns the shorthand into a JSON Schema with every argument required', async () => {
    const { register, registry, told } = createDomain();
    const { device_id } = await register();
    const schema = { arguments: { zone: 'string', duration_seconds: 'number' } };
    const answer = await registry.registerMethod({ device_id, method_name, schema });
    assert.deepEqual(answer, { device_id, method_name, registered_at: '2026-01-01T00:00:00.000Z' });
    const [method] = registry.get(device_id).commands;
    assert.equal(method!.method, true);
    assert.deepEqual(method!.arguments!['required'], ['zone', 'duration_seconds']);
    assert.deepEqual(
      registry.methodOwners(method_name).map((d) => d.device_id),
      [device_id],
    );
    assert.deepEqual(registry.methodNames(), [method_name]);
    assert.equal(told.at(-1), 'methods_changed');
  });

  it('replaces a method of the same name and forgets it with its device', async () => {
    const { register, registry } = createDomain();
    const { device_id } = await register();
    await registry.registerMethod({ device_id, method_name });
    await registry.registerMethod({ device_id, method_name, description: 'Waters.' });
    assert.equal(registry.get(device_id).commands.length, 1);
    await registry.remove(device_id);
    assert.deepEqual(registry.methodNames(), []);
  });

  it('refuses names of the hub itself and schemas that cannot be used', async () => {
    const { register, registry } = createDomain();
    const { device_id } = await register();
    for (const name of [
      'device.get',
      'hub.x',
      'rpc.x',
      'subscribe',
      'Green.house',
      'nodots',
      'a..b',
    ])
      await assert.rejects(
        registry.registerMethod({ device_id, method_name: name }),
        rpcError(-32602, /namespace/),
      );
    for (const schema of [
      { arguments: { zone: 'strnig' } },
      { arguments: { device_id: 'string' } },
      { arguments: { type: 'object', properties: { a: { type: 'nonsense' } } } },
    ])
      await assert.rejects(registry.registerMethod({ device_id, method_name, schema }));
    assert.deepEqual(registry.methodNames(), []);
  });

  it('stops at 64 methods', async () => {
    const { register, registry } = createDomain();
    const { device_id } = await register();
    for (let n = 0; n < 64; n++)
      await registry.registerMethod({ device_id, method_name: `a.m${n}` });
    await assert.rejects(
      registry.registerMethod({ device_id, method_name: 'a.m64' }),
      rpcError(-32006),
    );
  });
});
