import assert from 'node:assert/strict';
import { admin, createDomain, deviceKey, registrar, rpcError } from '../../support/domain.ts';

const temperature = { measurement_type: 'temperature', value_type: 'number', unit: 'celsius' };

describe('registering a device', () => {
  it('assigns an id and a key of its own, and answers with the intervals', async () => {
    const { registry, register, keys, told } = createDomain();
    const answer = await register();
    assert.deepEqual(Object.keys(answer), [
      'device_id',
      'assigned_at',
      'heartbeat_interval',
      'telemetry_interval',
      'api_key',
    ]);
    assert.equal(answer.heartbeat_interval, 60);
    assert.equal(keys.authenticate(answer.api_key!)?.device_id, answer.device_id);
    assert.equal(registry.get(answer.device_id).status, 'online');
    assert.equal(registry.get(answer.device_id).schema_version, '1.0.0');
    assert.deepEqual(told, ['registered']);
  });

  it('is stored before it is answered, and there again after loading', async () => {
    const { records, register } = createDomain();
    const { device_id } = await register({ labels: { floor: '1' } });
    assert.equal(records.peek('device', device_id)?.['name'], `ESP32-S3 ${device_id.slice(-4)}`);
    const { registry } = createDomain({ records });
    await registry.load();
    assert.deepEqual(registry.get(device_id).labels, { floor: '1' });
  });

  it('leaves no device and no key behind when it cannot be stored', async () => {
    const { records, register, registry } = createDomain();
    const put = records.put.bind(records);
    records.put = (kind, id, record) =>
      kind === 'device' ? Promise.reject(new Error('disk full')) : put(kind, id, record);
    await assert.rejects(register(), /disk full/);
    assert.equal(registry.counts().devices, 0);
    assert.equal(records.count('key'), 0);
  });

  it('limits and cleans names and other texts', async () => {
    const { registry, register } = createDomain();
    const { device_id } = await register(
      { name: `\u202eevil\u0000${'x'.repeat(500)}`, location: ' a\nb ' },
      { manufacturer: 'A\u0007cme' },
    );
    const device = registry.get(device_id);
    assert.equal(device.name, `evil${'x'.repeat(124)}`);
    assert.equal(device.location, 'a b');
    assert.equal(device.manufacturer, 'Acme');
  });

  it('refuses params that make no sense, naming the field', async () => {
    const { registry } = createDomain();
    const bad: [Record<string, unknown>, number, RegExp][] = [
      [{ device_type: 'mcu' }, -32602, /static_schema/],
      [{ static_schema: {} }, -32602, /device_type/],
      [{ device_type: 'mcu', static_schema: { invalid: true } }, -32004, /invalid/],
      [{ device_type: 'mcu', static_schema: { a: 'x'.repeat(70_000) } }, -32006, /bytes/],
      [{ device_type: 'mcu', static_schema: {}, heartbeat_interval: 0 }, -32602, /1 to 86400/],
      [{ device_type: 'mcu', static_schema: {}, labels: { a: 1 } }, -32602, /label/],
      [{ device_type: 'mcu', static_schema: {}, device_id: 'mine' }, -32602, /assigns/],
      [{ device_type: 'mcu', static_schema: {}, api_key: 'wrong' }, -32005, /api_key/],
    ];
    for (const [params, code, reason] of bad)
      await assert.rejects(registry.register(params, registrar), rpcError(code, reason));
    assert.equal(registry.counts().devices, 0);
  });

  it('stops at the most devices the hub takes, also when they come at once', async () => {
    const { register, registry } = createDomain({ settings: { maxDevices: 3 } });
    const answers = await Promise.allSettled(Array.from({ length: 5 }, () => register()));
    const failed = answers.filter(({ status }) => status === 'rejected');
    assert.equal(registry.counts().devices, 3);
    assert.equal(failed.length, 2);
    await assert.rejects(register(), rpcError(-32006, /3 devices/));
  });

  it('yields one device for two registrations of one hardware id at the same moment', async () => {
    const { register, registry } = createDomain();
    const answers = await Promise.allSettled([
      register({ hardware_id: 'aa:bb' }),
      register({ hardware_id: 'aa:bb' }),
    ]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      ['fulfilled', 'rejected'],
    );
    assert.equal(registry.counts().devices, 1);
  });

  it('keeps 1,000 devices apart that register at once', async () => {
    const { register, registry } = createDomain();
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, (_, n) => register({}, { serial_number: `s${n}` })),
    );
    assert.equal(new Set(answers.map(({ device_id }) => device_id)).size, 1_000);
    assert.equal(registry.counts().devices, 1_000);
  });
});

describe('resuming a session', () => {
  it('keeps the device for its hardware id and key, and gives back the last configuration', async () => {
    const { register, registry, told, clock } = createDomain();
    const first = await register({ hardware_id: 'hw-1' });
    await registry.setAppliedConfig(first.device_id, { rate: 10 });
    clock.advance(1_000);
    const again = await register({ hardware_id: 'hw-1', api_key: first.api_key });
    assert.deepEqual(again, {
      device_id: first.device_id,
      assigned_at: first.assigned_at,
      heartbeat_interval: 60,
      telemetry_interval: 10,
      resumed: true,
      applied_config: { rate: 10 },
    });
    assert.deepEqual(told, ['registered', 'resumed']);
    assert.equal(registry.counts().devices, 1);
  });

  it('takes a device key alone as its identity', async () => {
    const { register, registry } = createDomain();
    const { device_id } = await register();
    const params = { device_type: 'mcu', static_schema: { serial_number: 'new-number' } };
    const again = await registry.register(params, deviceKey(device_id));
    assert.equal(again.device_id, device_id);
    assert.equal(registry.get(device_id).hardware_id, 'new-number');
  });

  it('is open to an administrator without the key', async () => {
    const { register, registry } = createDomain();
    const { device_id } = await register();
    const params = { device_type: 'mcu', static_schema: {}, device_id };
    assert.equal((await registry.register(params, admin)).resumed, true);
  });

  it('is refused without the right key, saying how to do it', async () => {
    const { register } = createDomain();
    await register({ hardware_id: 'hw-1' });
    const other = await register({ hardware_id: 'hw-2' });
    await assert.rejects(register({ hardware_id: 'hw-1' }), rpcError(-32005, /api_key/));
    await assert.rejects(
      register({ hardware_id: 'hw-1', api_key: other.api_key }),
      rpcError(-32602, /another device/),
    );
  });

  it('takes over a changed schema, keeping learned types, methods and what people named', async () => {
    const { register, registry, schemas } = createDomain();
    const { device_id, api_key } = await register({ hardware_id: 'hw', name: 'Kitchen' });
    await registry.learn(device_id, [
      { measurement_type: 'noise', value_type: 'number', learned: true },
      { measurement_type: 'temperature', value_type: 'number', learned: true },
    ]);
    await registry.registerMethod({ device_id, method_name: 'a.b' });
    await register(
      { hardware_id: 'hw', api_key, name: 'Other', heartbeat_interval: 30 },
      { firmware_version: '2.0', measurements: [temperature], commands: [{ name: 'go' }] },
    );
    const device = registry.get(device_id);
    assert.equal(device.name, 'Kitchen');
    assert.equal(device.firmware_version, '2.0');
    assert.equal(device.heartbeat_interval, 30);
    assert.deepEqual(
      device.measurements.map((m) => [m.measurement_type, m.learned ?? false]),
      [
        ['temperature', false],
        ['noise', true],
      ],
    );
    assert.deepEqual(
      device.commands.map(({ name }) => name),
      ['go', 'a.b'],
    );
    assert.ok(schemas);
  });

  it('changes nothing when the new schema is invalid', async () => {
    const { register, registry } = createDomain();
    const { device_id, api_key } = await register({ hardware_id: 'hw' });
    const before = registry.get(device_id);
    await assert.rejects(
      register({ hardware_id: 'hw', api_key }, { invalid: true }),
      rpcError(-32004),
    );
    assert.equal(registry.get(device_id), before);
  });
});
