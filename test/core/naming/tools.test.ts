import assert from 'node:assert/strict';
import { describeDevice, type NewestReading } from '../../../nodes/core/naming/describe-device.ts';
import { findDevices } from '../../../nodes/core/naming/find.ts';
import { resolveName } from '../../../nodes/core/naming/name-resolve.ts';
import { createResolver } from '../../../nodes/core/naming/resolver.ts';
import type { Principal } from '../../../nodes/core/security/types.ts';
import { createDomain, rpcError } from '../../support/domain.ts';

const bytesOf = (answer: unknown): number => Buffer.byteLength(JSON.stringify(answer));

/** A building of so many devices, ten on each floor. */
async function building(count: number) {
  const domain = createDomain({ settings: { maxDevices: count + 10 } });
  const { registry, events, register } = domain;
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    const { device_id } = await register({
      name: `${n % 2 ? 'Lamp' : 'Climate sensor'} ${n} with a name that goes on for a while`,
      device_type: n % 2 ? 'light' : 'sensor',
      location: `Room ${Math.floor(n / 10)}`,
      labels: { side: n % 3 ? 'north' : 'south' },
    });
    if (n % 2 === 0)
      await registry.learn(device_id, [
        { measurement_type: 'temperature', value_type: 'number', unit: 'celsius' },
        { measurement_type: 'humidity', value_type: 'number', unit: 'percent' },
      ]);
    ids.push(device_id);
  }
  const resolver = createResolver({ devices: registry, events });
  const find = (params: object, principal?: Principal) =>
    findDevices({ resolver, devices: registry }, { ...params }, principal);
  const describeOne = (params: object, latest: readonly NewestReading[] = []) =>
    describeDevice({ resolver, devices: registry, latest: () => latest }, { ...params }, undefined);
  return { ...domain, resolver, ids, find, describeOne };
}

describe('device.find', () => {
  let house: Awaited<ReturnType<typeof building>>;
  before(async () => {
    house = await building(1_000);
  });

  it('keeps within 8 KiB with 1,000 devices, and within what is asked for', () => {
    const { find } = house;
    for (const params of [{}, { limit: 100 }, { query: 'lamps', limit: 100, detail: 'full' }]) {
      const answer = find(params);
      assert.ok(bytesOf(answer) <= 8_192, String(bytesOf(answer)));
      assert.ok(answer.devices.length > 0);
      assert.ok(answer.truncated);
    }
    for (const max_bytes of [1_024, 2_000, 50_000])
      assert.ok(bytesOf(find({ limit: 100, max_bytes })) <= max_bytes, String(max_bytes));
    for (const max_bytes of [1_023, 100_001, 'x'])
      assert.throws(() => find({ max_bytes }), rpcError(-32602, /max_bytes/));
  });

  it('counts all that fit, and gives them page by page', () => {
    const { find } = house;
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = find({
        kind: 'lamps',
        limit: 100,
        max_bytes: 30_000,
        ...(cursor && { cursor }),
      });
      assert.equal(page.total, 500);
      assert.deepEqual(page.counts.kind, [{ kind: 'light', devices: 500 }]);
      assert.match(page.summary, /500 devices \(500 light\), 500 online/);
      seen.push(...page.devices.map(({ device_id }) => device_id));
      ({ cursor } = page);
    } while (cursor !== undefined);
    assert.equal(new Set(seen).size, 500);
    assert.equal(seen.length, 500);
  });

  it('takes filters in plain words together, and says when nothing fits all of them', () => {
    const { find } = house;
    const lamps = find({ room: 'room 7', kind: 'lights' });
    assert.equal(lamps.match, 'exact');
    assert.equal(lamps.total, 5);
    assert.ok(lamps.devices.every(({ where, kind }) => where === 'Room 7' && kind === 'light'));
    assert.equal(find({ measurement: 'Luftfeuchtigkeit', room: 'Zimmer 7' }).total, 5);
    assert.equal(find({ query: 'lamp 5' }).devices[0]?.name.startsWith('Lamp 5 '), true);
    const none = find({ query: 'the swimming pool' });
    assert.equal(none.match, 'nearest');
    assert.equal(find({ status: 'offline' }).total, 0);
  });

  it('refuses what makes no sense', () => {
    const { find } = house;
    for (const params of [
      { limit: 0 },
      { limit: 101 },
      { status: 'asleep' },
      { cursor: 'x' },
      { query: 7 },
      { query: 'x'.repeat(201) },
      { detail: 'much' },
    ])
      assert.throws(() => find(params), rpcError(-32602), JSON.stringify(params));
  });

  it('shows only what somebody may see, and marks the words of devices', () => {
    const principal: Principal = {
      id: 'k',
      role: 'llm_read',
      scope: { labels: { side: 'south' } },
    };
    const answer = house.find({ query: 'all lamps' }, principal);
    assert.equal(answer.total, 167);
    assert.ok(answer.untrusted.includes('devices[].name'));
    assert.ok(!answer.summary.includes('Lamp'));
  });
});

describe('device.describe', () => {
  it('tells measurements with units and newest values, and commands with what they take', async () => {
    const { registry, register, describeOne } = await building(0);
    const { device_id } = await register({ name: 'Valve', location: 'Garden' });
    await registry.learn(device_id, [
      { measurement_type: 'flow', value_type: 'number', unit: 'liter_per_minute' },
    ]);
    await registry.registerMethod({
      device_id,
      method_name: 'valve.open',
      schema: { arguments: { percent: { type: 'number' } } },
      critical: true,
    });
    const reading = {
      device_id,
      measurement_type: 'flow',
      value: 2,
      timestamp: '2026-01-01T00:00:00.000Z',
    };
    const answer = describeOne({ device: 'the valve in the garden' }, [reading]);
    assert.equal(answer['device_id'], device_id);
    assert.deepEqual(answer['measurements'], [
      {
        measurement_type: 'flow',
        unit: 'liter_per_minute',
        value_type: 'number',
        latest: { value: 2, timestamp: reading.timestamp },
      },
    ]);
    const [command] = answer['commands'] as Record<string, unknown>[];
    assert.equal(command?.['name'], 'valve.open');
    assert.equal(command['critical'], true);
    assert.ok(command['arguments']);
    assert.equal(answer['kind'], 'valve');
    assert.match(String(answer['summary']), /1 measurement and 1 command\.$/);
  });

  it('keeps within its budget whatever a device declares, and says what it leaves out', async () => {
    const { registry, register, describeOne } = await building(0);
    const { device_id } = await register({ name: 'Monster', labels: { a: 'x'.repeat(256) } });
    await registry.learn(
      device_id,
      Array.from({ length: 300 }, (_, n) => ({
        measurement_type: `measurement_of_something_${n}`,
        value_type: 'number' as const,
      })),
    );
    const properties = Object.fromEntries(
      Array.from({ length: 60 }, (_, n) => [`argument_${n}`, { type: 'number', minimum: n }]),
    );
    for (let n = 0; n < 60; n++)
      await registry.registerMethod({
        device_id,
        method_name: `monster.method_${n}`,
        description: 'd'.repeat(500),
        schema: { arguments: properties },
      });
    for (const max_bytes of [undefined, 1_024, 3_000, 100_000]) {
      const answer = describeOne({ device: 'monster', detail: 'full', max_bytes });
      assert.ok(bytesOf(answer) <= (max_bytes ?? 8_192), `${bytesOf(answer)} of ${max_bytes}`);
      assert.ok(answer['truncated']);
      assert.equal(answer['device_id'], device_id);
    }
  });

  it('asks which of several is meant', async () => {
    const { describeOne } = await building(20);
    assert.throws(() => describeOne({ device: 'the lamp' }), rpcError(-32602, /10 devices/));
    assert.throws(() => describeOne({}), rpcError(-32602, /device is missing/));
  });
});

describe('name.resolve', () => {
  it('answers what is meant, or candidates, and refuses nonsense', async () => {
    const { resolver } = await building(300);
    const all = resolveName(resolver, { phrase: 'all lamps' }, undefined);
    assert.equal(all.status, 'resolved');
    assert.equal(all.targets.length, 100);
    assert.deepEqual(all.truncated, { reason: 'limit', shown: 100, total: 150 });
    const one = resolveName(resolver, { phrase: 'lamp', limit: 2 }, undefined);
    assert.equal(one.status, 'ambiguous');
    assert.equal(one.candidates.length, 2);
    assert.equal(one.matches, 150);
    for (const params of [
      {},
      { phrase: 'x', kinds: [] },
      { phrase: 'x', kinds: ['cat'] },
      { phrase: 'x', limit: 51 },
      { phrase: 'x'.repeat(201) },
    ])
      assert.throws(() => resolveName(resolver, params, undefined), rpcError(-32602));
  });
});
