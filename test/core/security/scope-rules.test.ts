import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { DeviceRegistry } from '../../../nodes/core/device/ports.ts';
import { RpcError } from '../../../nodes/core/rpc/errors.ts';
import type { MethodDeclaration } from '../../../nodes/core/rpc/types.ts';
import { createCallRate } from '../../../nodes/core/security/call-rate.ts';
import {
  createAuthorizer,
  mayCall,
  maySeeMetrics,
} from '../../../nodes/core/security/permissions.ts';
import { admits, devicesOf, requireInWindow } from '../../../nodes/core/security/scope-rules.ts';
import { mayPublish, maySubscribe } from '../../../nodes/core/security/topic-acl.ts';
import type { Principal, Scope } from '../../../nodes/core/security/types.ts';
import { createDomain, rpcError } from '../../support/domain.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { method } from '../../support/rpc-rig.ts';

const who = (scope: Scope, role: Principal['role'] = 'llm_admin'): Principal => ({
  id: 'k',
  role,
  scope,
});
const ofDevice = { type: 'object', properties: { device_id: { type: 'string' } } };

describe('the methods of a scope', () => {
  it('are names, or all names behind a prefix with .*', () => {
    const cases: [pattern: string, name: string, expected: boolean][] = [
      ['device.get', 'device.get', true],
      ['device.get', 'device.get_all', false],
      ['device.*', 'device.get', true],
      ['device.*', 'device.a.b', true],
      ['device.*', 'device', false],
      ['device.*', 'devices.get', false],
      ['de.*', 'device.get', false],
    ];
    for (const [pattern, name, expected] of cases)
      assert.equal(admits([pattern], name), expected, `${pattern} ${name}`);
    assert.ok(admits(undefined, 'anything'));
  });

  it('never take more than the role', () => {
    const reader = who({ methods: ['device.remove', 'device.get'] }, 'llm_read');
    assert.ok(!mayCall(method('device.remove', { roles: [] }), reader));
    assert.ok(mayCall(method('device.get', { roles: ['llm_read'] }), reader));
    assert.ok(!mayCall(method('device.list', { roles: ['llm_read'] }), reader));
    assert.ok(mayCall(method('hub.health', { roles: [], open: true }), reader));
  });

  it('do not take in the keys, whatever they say', () => {
    for (const scope of [{}, { methods: ['key.*'] }, { calls_per_minute: 9 }])
      assert.ok(!mayCall(method('key.create', { roles: [] }), who(scope)));
  });

  it('leave out what is about the whole hub where the scope is for some devices', () => {
    const some = who({ labels: { room: 'kitchen' } });
    assert.ok(!mayCall(method('hub.backup', { roles: [] }), some));
    assert.ok(!mayCall(method('audit.query', { roles: [], params: ofDevice }), some));
    assert.ok(mayCall(method('device.remove', { roles: [], params: ofDevice }), some));
    assert.ok(mayCall(method('schema.list', { roles: ['llm_read'] }), some));
    assert.ok(mayCall(method('hub.backup', { roles: [] }), who({ methods: ['hub.*'] })));
  });

  it('are asked for the metrics, which count all devices', () => {
    assert.ok(maySeeMetrics({ id: 'k', role: 'llm_read' }));
    assert.ok(maySeeMetrics(who({ methods: ['hub.info'] })));
    assert.ok(!maySeeMetrics(who({ methods: ['device.*'] })));
    assert.ok(!maySeeMetrics(who({ device_types: ['mcu'] })));
  });
});

describe('the devices of a scope', () => {
  const device = { device_id: 'd1', device_type: 'mcu', labels: { room: 'kitchen', floor: '1' } };
  const cases: [what: string, scope: Scope, expected: boolean][] = [
    ['its id', { device_ids: ['d0', 'd1'] }, true],
    ['other ids', { device_ids: ['d0'] }, false],
    ['its type', { device_types: ['mcu'] }, true],
    ['another type', { device_types: ['MCU'] }, false],
    ['one of its labels', { labels: { room: 'kitchen' } }, true],
    ['both of its labels', { labels: { room: 'kitchen', floor: '1' } }, true],
    ['one of its labels and one it lacks', { labels: { room: 'kitchen', door: '2' } }, false],
    ['a label every object seems to have', { labels: { constructor: 'x' } }, false],
    ['its id but another type', { device_ids: ['d1'], device_types: ['gateway'] }, false],
  ];
  for (const [what, scope, expected] of cases)
    it(`${expected ? 'take it in' : 'leave it out'} by ${what}`, () =>
      assert.equal(devicesOf(scope)?.(device), expected));

  it('are all where it names none', () => assert.equal(devicesOf({ methods: ['a.b'] }), undefined));

  it('are asked for wherever a call names one, also further down', () => {
    const asked: string[] = [];
    const authorize = createAuthorizer({
      ownerOf: () => undefined,
      requireSeen: (_principal, id, field) => asked.push(`${field} ${id}`),
      rate: createCallRate({ clock: createFakeClock() }),
    });
    const nested: MethodDeclaration = method('own.method', {
      params: {
        type: 'object',
        properties: {
          rooms: { type: 'array', items: { type: 'object', properties: { sensor_id: {} } } },
        },
      },
    });
    const params = {
      device_id: 'd1',
      mcu_id: 'd2',
      sensor_id: 's1',
      device_ids: ['d3', 'd4'],
      rooms: [{ sensor_id: 's2' }],
      data: { device_id: 'not declared, so it is the data of a device' },
    };
    authorize(nested, params, who({ device_types: ['mcu'] }));
    assert.deepEqual(asked, [
      'device_id d1',
      'mcu_id d2',
      'sensor_id s1',
      'device_ids[0] d3',
      'device_ids[1] d4',
      'rooms[0].sensor_id s2',
    ]);
    authorize(nested, params, who({ methods: ['own.*'] }));
    assert.equal(asked.length, 6);
  });

  it('have to be named for what only administrators may', () => {
    const authorize = createAuthorizer({
      ownerOf: () => undefined,
      requireSeen: () => undefined,
      rate: createCallRate({ clock: createFakeClock() }),
    });
    const reset = method('own.reset', { roles: [], params: ofDevice });
    const some = who({ device_ids: ['d1'] });
    assert.throws(() => authorize(reset, {}, some), rpcError(-32005, /give device_id/));
    authorize(reset, { device_id: 'd1' }, some);
  });
});

describe('calls per minute', () => {
  const rig = (calls_per_minute: number) => {
    const clock = createFakeClock();
    const rate = createCallRate({ clock });
    const call = (id = 'k'): number => {
      try {
        rate.take({ id, role: 'llm_read', scope: { calls_per_minute } });
        return 0;
      } catch (error) {
        assert.ok(error instanceof RpcError);
        assert.equal(error.code, -32006);
        return error.details['retry_after_ms'] as number;
      }
    };
    return { clock, call, rate };
  };

  it('are at most as many in any sixty seconds, and it says when to come again', () => {
    const { clock, call } = rig(2);
    assert.equal(call(), 0);
    clock.advance(50_000);
    assert.equal(call(), 0);
    assert.equal(call(), 10_000);
    clock.advance(9_999);
    assert.equal(call(), 1);
    clock.advance(1);
    assert.equal(call(), 0);
    assert.equal(call(), 50_000);
  });

  it('are counted for each principal, and not at all without such a scope', () => {
    const { call, rate } = rig(1);
    assert.equal(call('a'), 0);
    assert.equal(call('b'), 0);
    assert.ok(call('a') > 0);
    for (let calls = 0; calls < 10; calls += 1) rate.take({ id: 'c', role: 'llm_read' });
  });

  it('do not fill the memory with callers that rest, nor forget who does not', () => {
    const { clock, call } = rig(1);
    for (let caller = 0; caller < 1_000; caller += 1) call(`resting-${caller}`);
    clock.advance(60_000);
    assert.equal(call('busy'), 0);
    for (let caller = 0; caller < 1_000; caller += 1) call(`next-${caller}`);
    assert.ok(call('busy') > 0);
  });

  it('do not change with the time of day', () => {
    const { clock, call } = rig(1);
    call();
    clock.set(Date.UTC(2030, 0, 1));
    assert.ok(call() > 0);
  });
});

describe('the read window of a scope', () => {
  const now = Date.UTC(2026, 0, 8);

  it('refuses an earlier start, naming the earliest there may be', () => {
    assert.throws(
      () => requireInWindow({ read_window: '7d' }, Date.UTC(2025, 11, 31), now),
      (error: RpcError) =>
        error.code === -32005 && error.details['earliest'] === '2026-01-01T00:00:00.000Z',
    );
  });

  it('forgives a hundredth, at least a minute, and is open where there is none', () => {
    const seconds = (count: number): number => count * 1_000;
    requireInWindow({ read_window: '1000m' }, now - seconds(60_000 + 600), now);
    requireInWindow({ read_window: '1m' }, now - seconds(120), now);
    for (const [read_window, back] of [
      ['1000m', 60_601],
      ['1m', 121],
    ] as const)
      assert.throws(
        () => requireInWindow({ read_window }, now - seconds(back), now),
        rpcError(-32005),
      );
    requireInWindow({}, 0, now);
    requireInWindow(undefined, 0, now);
  });
});

describe('the registry as a scope lets it be seen', () => {
  const rig = async () => {
    const domain = createDomain();
    const { register, registry } = domain;
    const ids: string[] = [];
    for (const room of ['kitchen', 'office', 'kitchen', 'office']) {
      const { device_id } = await register(
        { name: `${room} ${ids.length}`, labels: { room } },
        { hardware_id: `hw-${ids.length}` },
      );
      ids.push(device_id);
    }
    const sensors = await Promise.all(
      ids.map(async (mcu_id) => {
        const found = await registry.discoverSensor({ mcu_id, static_schema: { model: 'B' } });
        return (found as { sensor_id: string }).sensor_id;
      }),
    );
    const cook = who({ labels: { room: 'kitchen' } });
    return { ...domain, ids, sensors, cook, seen: registry.seenBy(cook) };
  };

  it('lists, counts and finds the devices of the scope and their sensors alone', async () => {
    const { seen, ids, sensors, registry, cook } = await rig();
    assert.deepEqual(
      seen.list({}).devices.map(({ device_id }) => device_id),
      [ids[0], ids[2]],
    );
    assert.deepEqual(
      seen.listSensors({}).sensors.map(({ mcu_id }) => mcu_id),
      [ids[0], ids[2]],
    );
    const { devices, sensors: count } = seen.counts();
    assert.deepEqual([devices, count], [2, 2]);
    assert.deepEqual(
      [...ids, ...sensors].map((id) => registry.canSee(cook, id)),
      [true, false, true, false, true, false, true, false],
    );
    assert.equal(seen.ownerOf(sensors[1]!), undefined);
    assert.equal(seen.ownerOf(sensors[2]!), ids[2]);
  });

  it('answers in full pages, and a cursor names no other device', async () => {
    const { seen, ids } = await rig();
    const first = seen.list({ limit: 1 });
    assert.equal(first.devices.length, 1);
    assert.ok(first.cursor?.includes(ids[0]!));
    const second = seen.list({ limit: 1, cursor: first.cursor });
    assert.deepEqual([second.devices[0]?.device_id, second.cursor], [ids[2], undefined]);
  });

  it('says of a hidden device exactly what it says once it does not exist, and proposes none that is hidden', async () => {
    const { seen, ids, sensors, registry } = await rig();
    const said = (id: string): object => {
      try {
        return seen.view(id);
      } catch (error) {
        return (error as RpcError).toObject();
      }
    };
    const asked = [ids[1]!, sensors[1]!, 'office 1', 'offce 1', 'kitchn 0'];
    const hidden = asked.map(said);
    await registry.remove(ids[1]);
    assert.deepEqual(asked.map(said), hidden);
    assert.match(JSON.stringify(hidden[4]), /did you mean \\"kitchen 0\\"/);
    assert.ok(!JSON.stringify(hidden[3]).includes('did you mean'));
  });

  it('answers, for any devices and any scope, as if the hidden ones did not exist', async () => {
    const words = fc.constantFrom('kitchen', 'office', 'hall');
    const house = fc.array(
      fc.record({ room: words, device_type: fc.constantFrom('mcu', 'meter'), sensors: fc.nat(2) }),
      { minLength: 1, maxLength: 8 },
    );
    const narrow = fc.record(
      {
        device_types: fc.subarray(['mcu', 'meter'], { minLength: 1 }),
        labels: fc.record({ room: words }),
        ids: fc.array(fc.nat(7), { minLength: 1, maxLength: 4 }),
      },
      { requiredKeys: [] },
    );
    const property = fc.asyncProperty(house, narrow, async (homes, { ids, ...rest }) => {
      const { register, registry } = createDomain();
      const all: string[] = [];
      for (const { room, device_type, sensors } of homes) {
        const { device_id } = await register({ device_type, name: room, labels: { room } });
        all.push(device_id);
        for (let index = 0; index < sensors; index += 1) {
          const schema = { model: 'B', serial_number: String(index) };
          const found = await registry.discoverSensor({ mcu_id: device_id, static_schema: schema });
          all.push((found as { sensor_id: string }).sensor_id);
        }
        await registry.registerMethod({ device_id, method_name: `of.${room}` });
      }
      const deviceIds = [...registry.deviceIds()];
      const scope: Scope = {
        ...rest,
        ...(ids && { device_ids: ids.map((index) => deviceIds[index] ?? 'nobody') }),
      };
      const answersOf = (asked: DeviceRegistry): unknown[] => {
        const answer = (ask: () => unknown): unknown => {
          try {
            return ask();
          } catch (error) {
            return (error as RpcError).toObject();
          }
        };
        return [
          answer(() => asked.list({})),
          answer(() => asked.list({ limit: 1 })),
          answer(() => asked.list({ limit: 2, search: 'e' })),
          answer(() => asked.listSensors({ limit: 2 })),
          answer(() => asked.counts()),
          answer(() => asked.methodNames().sort()),
          ...['of.kitchen', 'of.office'].map((name) => asked.methodOwners(name)),
          ...[...all, 'kitchen', 'kitchn', 'nobody', 7].flatMap((id) => [
            answer(() => asked.get(id)),
            answer(() => asked.view(id)),
            answer(() => asked.listSensors({ mcu_id: id })),
            answer(() => asked.ownerOf(String(id))),
            answer(() => asked.resolve(String(id))),
            answer(() => asked.sensorsOf(String(id))),
          ]),
        ];
      };
      const seen = answersOf(registry.seenBy(who(scope)));
      for (const id of deviceIds) if (!registry.canSee(who(scope), id)) await registry.remove(id);
      assert.deepEqual(seen, answersOf(registry));
    });
    await fc.assert(property, { numRuns: 60 });
  });

  it('follows the labels of a device at once', async () => {
    const { seen, ids, registry, cook } = await rig();
    await registry.update({ device_id: ids[1], labels: { room: 'kitchen' } });
    assert.ok(registry.canSee(cook, ids[1]!));
    assert.equal(seen.list({}).devices.length, 3);
    await registry.update({ device_id: ids[1], labels: {} });
    assert.ok(!registry.canSee(cook, ids[1]!));
    assert.throws(() => seen.view(ids[1]), rpcError(-32000));
  });

  it('changes no device that is hidden', async () => {
    const { seen, ids } = await rig();
    await assert.rejects(seen.update({ device_id: ids[1], name: 'mine' }), rpcError(-32000));
    await assert.rejects(seen.remove(ids[1]), rpcError(-32000));
    await assert.rejects(
      seen.discoverSensor({ mcu_id: ids[1], static_schema: { model: 'C' } }),
      rpcError(-32000),
    );
    await assert.rejects(
      seen.registerMethod({ device_id: ids[1], method_name: 'office.open' }),
      rpcError(-32000),
    );
  });

  it('offers the methods of its devices alone', async () => {
    const { registry, seen, ids } = await rig();
    await registry.registerMethod({ device_id: ids[1], method_name: 'office.open' });
    await registry.registerMethod({ device_id: ids[0], method_name: 'door.open' });
    await registry.registerMethod({ device_id: ids[1], method_name: 'door.open' });
    assert.deepEqual(seen.methodNames(), ['door.open']);
    assert.deepEqual(
      seen.methodOwners('door.open').map(({ device_id }) => device_id),
      [ids[0]],
    );
  });

  it('registers devices of the scope alone, and takes over none that is hidden', async () => {
    const { seen, ids, cook, registry } = await rig();
    const registration = (labels: object, more: object = {}): Record<string, unknown> => ({
      device_type: 'mcu',
      static_schema: { model: 'X', ...more },
      labels,
    });
    await assert.rejects(
      seen.register(registration({ room: 'office' }), cook),
      rpcError(-32005, /scope/),
    );
    const { device_id } = await seen.register(registration({ room: 'kitchen' }), cook);
    assert.ok(registry.canSee(cook, device_id));
    await assert.rejects(
      seen.register({ ...registration({ room: 'kitchen' }), device_id: ids[1] }, cook),
      rpcError(-32602, /no device has this device_id/),
    );
    await assert.rejects(
      seen.register(registration({ room: 'kitchen' }, { hardware_id: 'hw-1' }), cook),
      rpcError(-32005),
    );
    assert.equal(registry.counts().devices, 5);
  });
});

describe('topics under a scope', () => {
  const canSee = (_principal: Principal | undefined, id: string): boolean => id === 'd1';
  const publishes = (principal: Principal, topic: string): boolean =>
    mayPublish(principal, topic, () => undefined, canSee);
  const hears = (principal: Principal, filter: string): boolean =>
    maySubscribe(principal, filter, 'c1', () => undefined, canSee);
  const some = who({ labels: { room: 'kitchen' } });
  const topic = (path: string): string => `llm-iot/${path}`;

  const heard: [principal: Principal, name: string, yes: string[], no: string[]][] = [
    [
      some,
      'some devices',
      [
        'devices/d1/telemetry',
        'devices/d1/#',
        'devices/+/telemetry',
        'devices/#',
        '#',
        'discovery/query',
        'discovery/response/c1',
      ],
      [
        'devices/d2/telemetry',
        'devices/d2/#',
        'alerts/error',
        'alerts/#',
        'discovery/announce',
        'discovery/#',
        'discovery/response/c2',
        'discovery/response/+',
      ],
    ],
    [
      who({ methods: ['subscribe'] }),
      'the method subscribe',
      ['devices/d1/telemetry', 'alerts/error'],
      ['discovery/announce', 'discovery/response/c2'],
    ],
    [
      who({ methods: ['device.*'] }),
      'other methods',
      ['discovery/query'],
      ['devices/d1/telemetry', 'devices/#', 'alerts/error', '#'],
    ],
    [
      { id: 'k', role: 'device', device_id: 'd2', scope: { device_ids: ['d1'] } },
      'another device than its own',
      ['discovery/query'],
      ['devices/d2/command/request', 'devices/d1/command/request'],
    ],
    [who({ device_ids: ['d1'] }, 'llm_read'), 'a role that hears none', [], ['devices/d1/#', '#']],
  ];
  for (const [principal, name, yes, no] of heard)
    it(`with a scope of ${name} are heard as far as it goes`, () => {
      for (const path of yes) assert.ok(hears(principal, topic(path)), path);
      for (const path of no) assert.ok(!hears(principal, topic(path)), path);
      assert.ok(!hears(principal, '$SYS/#'));
    });

  it('are published to as far as the calls they stand for go', () => {
    for (const path of ['discovery/announce', 'devices/d1/telemetry', 'devices/d1/status'])
      assert.ok(publishes(some, topic(path)), path);
    for (const path of [
      'devices/d2/telemetry',
      'devices/d1/command/request',
      'devices/d1/command/response',
      'alerts/error',
      'discovery/query',
    ])
      assert.ok(!publishes(some, topic(path)), path);
    const reports = who({ methods: ['telemetry.update'] });
    assert.ok(publishes(reports, topic('devices/d1/telemetry')));
    assert.ok(!publishes(reports, topic('devices/d1/status')));
    assert.ok(!publishes(reports, topic('devices/d1/command/request')));
  });

  it('are nobody’s with a scope of devices where no device is known', () => {
    const blind = maySubscribe(some, 'llm-iot/devices/d1/telemetry', 'c1', () => undefined);
    assert.ok(!blind);
  });
});
