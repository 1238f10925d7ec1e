import assert from 'node:assert/strict';
import type { RecordStore } from '../../../nodes/core/records.ts';
import { createMemoryRecords } from '../../support/memory-records.ts';
import { createRig, rejectedBy, template } from './support.ts';

describe('registering a schema', () => {
  it('answers name, version and time, and keeps who did it', async () => {
    const { registry, records } = createRig();
    assert.deepEqual(await registry.register(template(), 'key-1'), {
      name: 'acme-th1',
      version: '1.0.0',
      registered_at: '2026-01-01T00:00:00.000Z',
    });
    assert.equal(records.peek('schema', 'acme-th1@1.0.0')?.['registered_by'], 'key-1');
    assert.equal(registry.get('acme-th1').registered_by, 'key-1');
    assert.equal(
      registry.checkSensor({ manufacturer: 'acme', model: 'TH1' }).template,
      'acme-th1@1.0.0',
    );
  });

  it('is durable before the schema is known', async () => {
    let store = (): void => undefined;
    const held = new Promise<void>((resolve) => (store = resolve));
    const inner = createMemoryRecords();
    const records: RecordStore = {
      ...inner,
      async put(kind, id, record) {
        await held;
        await inner.put(kind, id, record);
      },
    };
    const { registry } = createRig({ ...inner, ...records });
    const registered = registry.register(template(), 'key');
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    assert.throws(() => registry.get('acme-th1'));
    store();
    await registered;
    assert.equal(registry.get('acme-th1').version, '1.0.0');
  });

  it('that cannot be stored changes nothing, and can be tried again', async () => {
    const { registry, records } = createRig();
    records.failWith(new Error('disk full'));
    await assert.rejects(registry.register(template(), 'key'), /disk full/);
    assert.throws(() => registry.get('acme-th1'));
    records.failWith(undefined);
    await registry.register(template(), 'key');
  });

  it('outlives the hub', async () => {
    const { registry, records } = createRig();
    await registry.register(template(), 'key');
    await registry.register(template({ version: '1.1.0' }), 'key');
    const next = createRig(records);
    await next.registry.load();
    assert.deepEqual(next.registry.get('acme-th1'), registry.get('acme-th1', '1.1.0'));
    assert.deepEqual(next.registry.list({ manufacturer: 'Acme' }).schemas[0]?.versions, [
      '1.0.0',
      '1.1.0',
    ]);
  });

  it('never changes a version that exists, not even from two callers at once', async () => {
    const { registry, records } = createRig();
    const changed = template({ description: 'Something else.' });
    const [first, second] = await Promise.allSettled([
      registry.register(template(), 'a'),
      registry.register(changed, 'b'),
    ]);
    assert.equal(first.status, 'fulfilled');
    assert.equal(second.status, 'rejected');
    assert.equal(records.peek('schema', 'acme-th1@1.0.0')?.['registered_by'], 'a');
    const error = await rejectedBy(registry.register(template({ version: '1.0.0+b' }), 'c'));
    assert.match(error.reason, /exists already/);
  });

  it('refuses a version lower than the newest of its major', async () => {
    const { registry } = createRig();
    await registry.register(template({ version: '1.2.0' }), 'key');
    await registry.register(template({ version: '2.0.0' }), 'key');
    const error = await rejectedBy(registry.register(template({ version: '1.1.0' }), 'key'));
    assert.equal(error.details.newest, '1.2.0');
    await registry.register(template({ version: '1.3.0' }), 'key');
    assert.equal(registry.get('acme-th1').version, '2.0.0');
  });

  it('refuses what breaks stored readings without a new major version, and says why', async () => {
    const { registry } = createRig();
    await registry.register(template(), 'key');
    const broken = {
      measurements: [
        { measurement_type: 'temperature', value_type: 'number' as const, unit: 'fahrenheit' },
      ],
    };
    const refused = registry.register(template({ version: '1.1.0', ...broken }), 'key');
    const error = await rejectedBy(refused);
    assert.deepEqual(error.details.changes, [
      'measurement temperature: unit changed from celsius to fahrenheit',
      'measurement humidity was removed',
    ]);
    assert.match(error.reason, /2\.0\.0/);
    await registry.register(template({ version: '2.0.0', ...broken }), 'key');
  });

  it('answers with a release where a newer pre-release exists', async () => {
    const { registry } = createRig();
    await registry.register(template(), 'key');
    await registry.register(template({ version: '1.1.0-rc.1' }), 'key');
    assert.equal(registry.get('acme-th1').version, '1.0.0');
    assert.equal(registry.get('acme-th1@1.1.0-rc.1').version, '1.1.0-rc.1');
  });

  it('goes on from the templates that ship with the hub, which keep their versions', async () => {
    const { registry } = createRig();
    const shipped = registry.get('bosch-bme280');
    await rejectedBy(registry.register(shipped, 'key'));
    await registry.register({ ...shipped, version: '1.1.0' }, 'key');
    assert.equal(
      registry.checkSensor({ manufacturer: 'Bosch', model: 'BME280' }).template,
      'bosch-bme280@1.1.0',
    );
  });

  it('brings shorthand arguments and commands by name into one form', async () => {
    const { registry } = createRig();
    const commands = { blink: { arguments: { times: 'integer' } } };
    await registry.register({ ...template(), commands }, 'key');
    const stored = registry.get('acme-th1');
    assert(stored.kind === 'sensor');
    assert.deepEqual(stored.commands?.[0]?.arguments?.['required'], ['times']);
  });

  it('leaves the schema of the hub itself alone', async () => {
    const { registry } = createRig();
    const own = registry.get('mcu');
    const error = await rejectedBy(registry.register({ ...own, version: '1.1.0' }, 'key'));
    assert.match(error.reason, /belongs to the hub/);
  });

  it('refuses what is no schema, naming the field', async () => {
    const { registry, records } = createRig();
    const device = { kind: 'device', name: 'x', version: '1.0.0', description: 'X.' };
    for (const [params, field] of [
      [null, ''],
      [{ ...template(), kind: 'car' }, 'kind'],
      [template({ name: 'Acme TH1' }), 'name'],
      [template({ version: '1.0' }), 'version'],
      [template({ measurements: [] }), 'measurements'],
      [template({ identity: { bus: 'i2c', addresses: ['71'] } }), 'identity.addresses[0]'],
      [{ ...template(), datasheet: undefined }, 'datasheet'],
      [{ ...template(), colour: 'red' }, 'colour'],
      [{ ...template(), registered_by: 'somebody else' }, 'registered_by'],
      [{ ...device, schema: { type: 'objekt' } }, 'schema'],
      [{ ...device, schema: { $ref: 'https://example.org/schema.json' } }, 'schema'],
      [{ ...device, schema: { pattern: '(x+x+)+y' } }, 'schema'],
      [{ ...device, schema: { description: 'x'.repeat(70_000) } }, ''],
    ] as const) {
      const error = await rejectedBy(registry.register(params, 'key'));
      assert.equal(error.details.field, field, error.reason);
    }
    assert.equal(records.count('schema'), 0);
  });
});
