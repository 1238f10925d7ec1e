import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { createCommandMemory } from '../../../nodes/core/security/command-memory.ts';
import { readPolicy, type PolicyRule } from '../../../nodes/core/security/policy.ts';
import {
  isCriticalBy,
  objectionOf,
  type Facts,
  type Order,
} from '../../../nodes/core/security/policy-rules.ts';
import { quietUntil } from '../../../nodes/core/security/quiet-hours.ts';
import type { LatestReading } from '../../../nodes/core/telemetry/ports.ts';
import { rpcError } from '../../support/domain.ts';

const order = (args: Record<string, unknown> = {}, more: Partial<Order> = {}): Order => ({
  device: { device_id: 'd1', device_type: 'heater', labels: { room: 'lab' } },
  targetId: 'd1',
  command: 'set',
  arguments: args,
  ...more,
});
const now = Date.parse('2026-03-02T12:00:00Z');
const facts = (more: Partial<Facts> = {}): Facts => ({
  now,
  latest: () => [],
  isOnline: () => true,
  valuesInEffect: () => [],
  newestOf: () => undefined,
  ...more,
});
const rule = (more: object): PolicyRule => readPolicy([{ name: 'limit', ...more }])[0]!;
const says = (given: object, to: Order, known: Partial<Facts> = {}) =>
  objectionOf([rule(given)], to, facts(known));
const passes = (...args: Parameters<typeof says>): boolean => says(...args) === undefined;

describe('reading a policy', () => {
  it('takes one of each kind', () => {
    const rules = [
      { name: 'a', range: { argument: 'celsius', min: 5, max: 28 } },
      { name: 'b', rate: { argument: 'celsius', per_minute: 2 } },
      {
        name: 'c',
        interlock: { device_id: 'f', measurement_type: 'rpm', is: '>', value: 9, max_age: 5 },
      },
      { name: 'd', interlock: { device_id: 'f', command: 'on', undone_by: ['off'] } },
      { name: 'e', quiet_hours: { from: '22:00', to: '06:00', time_zone: 'Europe/Brussels' } },
      { name: 'f', enabled: false, critical: true },
      { name: 'g', for: { commands: ['open.*'], labels: { room: 'lab' } }, deny: true },
    ];
    assert.deepEqual(readPolicy(rules), rules);
    assert.deepEqual(readPolicy([]), []);
  });

  const bad: [what: string, rules: unknown, reason: RegExp][] = [
    ['no list', { rules: [] }, /rules/],
    ['null', null, /rules/],
    ['no name', [{ deny: true }], /name/],
    ['a name twice', ['x', 'x'].map((name) => ({ name, deny: true })), /second x/],
    ['no kind', [{ name: 'x' }], /exactly one/],
    ['two kinds', [{ name: 'x', deny: true, critical: true }], /exactly one/],
    ['a kind nobody knows', [{ name: 'x', forbid: true }], /forbid|properties/],
    ['deny: false', [{ name: 'x', deny: false }], /deny/],
    ['a selector nobody knows', [{ name: 'x', for: { command: ['y'] }, deny: true }], /command/],
    ['an empty selector', [{ name: 'x', for: { commands: [] }, deny: true }], /commands/],
    ['a range without bounds', [{ name: 'x', range: { argument: 'a' } }], /min or max/],
    [
      'a range upside down',
      [{ name: 'x', range: { argument: 'a', min: 2, max: 1 } }],
      /not above max/,
    ],
    ['a rate below 0', [{ name: 'x', rate: { argument: 'a', per_minute: -1 } }], /per_minute/],
    ['an interlock on nothing', [{ name: 'x', interlock: { device_id: 'd' } }], /either/],
    [
      'a reading of any age',
      [
        {
          name: 'x',
          interlock: { device_id: 'd', measurement_type: 'm', is: '>', value: 1 },
        },
      ],
      /max_age/,
    ],
    [
      'more than a text',
      [
        {
          name: 'x',
          interlock: { device_id: 'd', measurement_type: 'm', is: '>', value: 'a', max_age: 1 },
        },
      ],
      /must be a number/,
    ],
    [
      'a time zone nobody knows',
      [{ name: 'x', quiet_hours: { from: '22:00', to: '06:00', time_zone: 'Mars/Base' } }],
      /time_zone/,
    ],
    [
      '24:00',
      [{ name: 'x', quiet_hours: { from: '24:00', to: '06:00', time_zone: 'UTC' } }],
      /from/,
    ],
    [
      'hours of no length',
      [{ name: 'x', quiet_hours: { from: '06:00', to: '06:00', time_zone: 'UTC' } }],
      /same time/,
    ],
    [
      'too many rules',
      Array.from({ length: 101 }, (_, i) => ({ name: `${i}`, deny: true })),
      /rules/,
    ],
    ['too long', [{ name: 'x', deny: true, for: { labels: { a: 'x'.repeat(70_000) } } }], /bytes/],
  ];
  for (const [what, rules, reason] of bad)
    it(`refuses ${what}`, () => {
      assert.throws(() => readPolicy(rules), rpcError(-32602, reason));
    });

  it('never takes what it did not understand', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          assert.deepEqual(value, []);
          readPolicy(value);
        } catch {
          if (Array.isArray(value) && value.length === 0) return;
          assert.throws(() => readPolicy(value), rpcError(-32602));
        }
      }),
    );
  });
});

describe('which commands a rule is for', () => {
  const denies = (selector: object, of: Order = order()): boolean =>
    !passes({ for: selector, deny: true }, of);

  it('all of them without a selector, and those that meet every part of it', () => {
    assert.ok(!passes({ deny: true }, order()));
    assert.ok(denies({ device_ids: ['d1'] }));
    assert.ok(!denies({ device_ids: ['d2'] }));
    assert.ok(denies({ device_types: ['heater'], commands: ['set'] }));
    assert.ok(!denies({ device_types: ['heater'], commands: ['get'] }));
    assert.ok(denies({ labels: { room: 'lab' } }));
    assert.ok(!denies({ labels: { room: 'lab', floor: '1' } }));
    assert.ok(!denies({ labels: { constructor: 'x' } }));
  });

  it('a device with its sensors, or one sensor', () => {
    const sensor = order({}, { targetId: 's1' });
    assert.ok(denies({ device_ids: ['d1'] }, sensor));
    assert.ok(denies({ device_ids: ['s1'] }, sensor));
    assert.ok(!denies({ device_ids: ['s1'] }));
  });

  it('methods of devices by a prefix', () => {
    const method = order({}, { command: 'greenhouse.water' });
    assert.ok(denies({ commands: ['greenhouse.*'] }, method));
    assert.ok(!denies({ commands: ['greenhouse.*'] }, order({}, { command: 'greenhouses.x' })));
  });

  it('none when it is switched off', () => {
    assert.ok(passes({ enabled: false, deny: true }, order()));
    assert.equal(isCriticalBy([rule({ enabled: false, critical: true })], order()), false);
    assert.equal(isCriticalBy([rule({ critical: true })], order()), true);
    assert.ok(passes({ critical: true }, order()), 'that is for the signature to decide');
  });
});

describe('a range', () => {
  const range = { range: { argument: 'to.celsius', min: 5, max: 28 } };

  it('takes what is within, bounds included, and says what is allowed', () => {
    for (const celsius of [5, 20.5, 28]) assert.ok(passes(range, order({ to: { celsius } })));
    const said = says(range, order({ to: { celsius: 28.1 } }));
    assert.deepEqual(said?.policy, 'limit');
    assert.match(said.reason, /from 5 to 28/);
    assert.deepEqual(said.allowed, { argument: 'to.celsius', min: 5, max: 28 });
  });

  it('takes no number in disguise', () => {
    for (const celsius of ['20', [20], null, true, {}, NaN, Infinity])
      assert.ok(!passes(range, order({ to: { celsius } })), JSON.stringify(celsius));
  });

  it('looks at every value that the name may stand for', () => {
    assert.ok(!passes(range, order({ 'to.celsius': 20, to: { celsius: 90 } })));
    assert.ok(!passes(range, order({ 'to.celsius': 90, to: { celsius: 20 } })));
    assert.ok(
      passes(range, order({ other: 90 })),
      'an argument that is not there is not beyond it',
    );
  });

  it('lets exactly the numbers within pass', () => {
    fc.assert(
      fc.property(fc.double(), (celsius) => {
        assert.equal(passes(range, order({ to: { celsius } })), celsius >= 5 && celsius <= 28);
      }),
    );
  });
});

describe('a rate', () => {
  const limit = rule({ rate: { argument: 'level', per_minute: 5 } });

  /** Gives commands one after the other; the values that were let through, with their times. */
  function run(
    steps: readonly { waitMs: number; level: unknown }[],
  ): { at: number; level: number }[] {
    const memory = createCommandMemory();
    memory.watch([limit], []);
    const taken: { at: number; level: number }[] = [];
    let at = now;
    for (const { waitMs, level } of steps) {
      at += waitMs;
      const given = order({ level });
      const known = facts({
        now: at,
        valuesInEffect: (of, by) => memory.valuesInEffect(of, by, at),
      });
      if (objectionOf([limit], given, known)) continue;
      const { targetId, command, arguments: args } = given;
      memory.sent(given, { id: `${at}`, targetId, command, arguments: args, done: false, at });
      taken.push({ at, level: Number(level) });
    }
    return taken;
  }
  const levels = (...steps: [waitMs: number, level: unknown][]): number[] =>
    run(steps.map(([waitMs, level]) => ({ waitMs, level }))).map(({ level }) => level);

  it('counts from the last value, however long ago that was set', () => {
    assert.deepEqual(
      levels([0, 20], [3_600_000, 26], [0, 25], [59_000, 26], [1_001, 26]),
      [20, 25, 26],
    );
    assert.deepEqual(levels([0, 20], [1, '21'], [1, null], [1, Infinity], [1, 21]), [20, 21]);
  });

  it('within any minute no two values that are in effect are further apart than allowed', () => {
    const step = fc.record({
      waitMs: fc.integer({ min: 0, max: 90_000 }),
      level: fc.integer({ min: 0, max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const taken = run(steps);
        for (const [index, { at, level }] of taken.entries())
          for (const [place, earlier] of taken.slice(0, index).entries()) {
            const endedAt = taken[place + 1]!.at;
            if (endedAt > at - 60_000) assert.ok(Math.abs(level - earlier.level) <= 5);
          }
      }),
    );
  });

  it('is known again from commands that were sent before', () => {
    const memory = createCommandMemory();
    const given = order({ level: 20 });
    const sent = { id: 'x', targetId: 'd1', command: 'set', arguments: { level: 20 }, done: true };
    memory.watch([limit], [[given, { ...sent, at: now - 3_600_000 }]]);
    assert.deepEqual(memory.valuesInEffect(given, limit, now), [20]);
  });

  it('lets no more changes through than it can remember', () => {
    const memory = createCommandMemory();
    memory.watch([limit], []);
    const given = order({ level: 1 });
    for (let i = 0; i < 1_000; i++)
      memory.sent(given, {
        ...{ id: `${i}`, targetId: 'd1', command: 'set', arguments: { level: 1 } },
        ...{ done: false, at: now + i },
      });
    assert.equal(memory.isFull(given, limit, now + 1_000), true);
    assert.equal(memory.isFull(given, limit, now + 61_000), false);
  });
});

describe('an interlock', () => {
  const reading = (
    value: LatestReading['value'],
    more: Partial<LatestReading> = {},
  ): Partial<Facts> => ({
    latest: (id) =>
      id === 'fan'
        ? [
            {
              ...{ device_id: 'fan', measurement_type: 'rpm', value_type: 'number', value },
              ...{ timestamp: now - 1_000, quality: 'good' },
              ...more,
            },
          ]
        : [],
  });
  const fanTurns = {
    interlock: { device_id: 'fan', measurement_type: 'rpm', is: '>=', value: 200, max_age: 30 },
  };

  it('passes while the reading is as it has to be, and says what is missing', () => {
    assert.ok(passes(fanTurns, order(), reading(200)));
    assert.match(says(fanTurns, order(), reading(199))!.reason, /only while rpm of fan is >= 200/);
    assert.deepEqual(says(fanTurns, order(), reading(199))!.allowed, fanTurns);
  });

  it('does not pass without a reading, with an old one, a bad one, one from the future, or text', () => {
    assert.ok(!passes(fanTurns, order()));
    assert.ok(passes(fanTurns, order(), reading(300, { timestamp: now - 30_000 })));
    assert.ok(!passes(fanTurns, order(), reading(300, { timestamp: now - 30_001 })));
    assert.ok(!passes(fanTurns, order(), reading(300, { timestamp: now + 60_001 })));
    assert.ok(!passes(fanTurns, order(), reading(300, { quality: 'uncertain' })));
    assert.ok(!passes(fanTurns, order(), reading('300')));
    assert.ok(!passes(fanTurns, order(), reading(300, { measurement_type: 'other' })));
  });

  it('compares by all six signs', () => {
    const lets = (is: string, value: unknown, actual: number | string | boolean): boolean =>
      passes({ interlock: { ...fanTurns.interlock, is, value } }, order(), reading(actual));
    assert.deepEqual(
      ['<', '<=', '>', '>=', '==', '!='].map((is) =>
        [4, 5, 6].map((actual) => lets(is, 5, actual)),
      ),
      [
        [true, false, false],
        [true, true, false],
        [false, false, true],
        [false, true, true],
        [false, true, false],
        [true, false, true],
      ],
    );
    assert.ok(lets('==', 'on', 'on') && lets('!=', 'off', 'on') && lets('==', true, true));
    assert.ok(!lets('!=', 'off', 1), 'another kind is no evidence');
  });

  const fanIsOn = { interlock: { device_id: 'fan', command: 'on', undone_by: ['off'] } };
  const after = (
    steps: [command: string, done: boolean, args?: Record<string, unknown>][],
    lock: object = fanIsOn,
  ): Partial<Facts> => {
    const memory = createCommandMemory();
    memory.watch([rule(lock)], []);
    const device = { device_id: 'fan', device_type: 'fan', labels: {} };
    for (const [index, [command, done, args = {}]] of steps.entries()) {
      const sent = { targetId: 'fan', command, arguments: args };
      memory.sent({ device, ...sent }, { ...sent, id: `${index}`, done: false, at: now - 5_000 });
      if (done) memory.done('fan', `${index}`);
    }
    return { newestOf: (id, commands) => memory.newestOf(id, commands) };
  };

  it('on commands: the newest one counts, once the device did it', () => {
    assert.ok(!passes(fanIsOn, order()));
    assert.ok(passes(fanIsOn, order(), after([['on', true]])));
    assert.ok(!passes(fanIsOn, order(), after([['on', false]])));
    assert.ok(
      !passes(
        fanIsOn,
        order(),
        after([
          ['on', true],
          ['off', false],
        ]),
      ),
    );
    assert.ok(
      passes(
        fanIsOn,
        order(),
        after([
          ['off', true],
          ['on', true],
          ['other', true],
        ]),
      ),
    );
    assert.ok(!passes(fanIsOn, order(), { ...after([['on', true]]), isOnline: () => false }));
  });

  it('on an argument of a command, and its age', () => {
    const lock = {
      interlock: {
        ...{ device_id: 'fan', command: 'speed', argument: 'rpm', is: '>=', value: 200 },
        max_age: 5,
      },
    };
    const sped = (rpm: unknown) => after([['speed', true, { rpm }]], lock);
    assert.ok(passes(lock, order(), sped(200)));
    assert.ok(!passes(lock, order(), sped(100)));
    assert.ok(!passes(lock, order(), sped('200')));
    assert.ok(!passes(lock, order(), after([['speed', true]], lock)));
    assert.ok(!passes(lock, order(), { ...sped(200), now: now + 1 }));
  });
});

describe('quiet hours', () => {
  const hours = (more: object = {}) => ({
    ...{ from: '22:00', to: '06:00', time_zone: 'Europe/Brussels' },
    ...more,
  });
  const until = (time: string, more: object = {}): string | undefined => {
    const end = quietUntil(hours(more), Date.parse(time));
    return end === undefined ? undefined : new Date(end).toISOString();
  };

  it('go by the clock of their zone and over midnight', () => {
    assert.equal(until('2026-01-10T20:59:59Z'), undefined);
    assert.equal(until('2026-01-10T21:00:00Z'), '2026-01-11T05:00:00.000Z');
    assert.equal(until('2026-01-11T04:59:59Z'), '2026-01-11T05:00:00.000Z');
    assert.equal(until('2026-01-11T05:00:00Z'), undefined);
    assert.equal(until('2026-07-10T20:00:00Z'), '2026-07-11T04:00:00.000Z', 'summer time');
    assert.equal(until('2026-01-10T13:00:00Z', { from: '12:00', to: '14:00' }), undefined);
    assert.ok(until('2026-01-10T11:00:00Z', { from: '12:00', to: '14:00' }));
  });

  it('belong to the day they begin on', () => {
    const days = ['sat'];
    assert.ok(until('2026-01-10T23:00:00Z', { days }), 'Saturday night');
    assert.ok(until('2026-01-11T03:00:00Z', { days }), 'still Saturday’s');
    assert.equal(until('2026-01-11T23:00:00Z', { days }), undefined);
    assert.equal(until('2026-01-10T03:00:00Z', { days }), undefined);
  });

  it('are as long as the night is when the clock changes', () => {
    const lengthOf = (start: string): number =>
      (Date.parse(until(start) ?? '') - Date.parse(start)) / 3_600_000;
    assert.equal(lengthOf('2026-03-28T21:00:00Z'), 7);
    assert.equal(lengthOf('2026-10-24T20:00:00Z'), 9);
  });

  it('refuse with the time from which it is allowed', () => {
    const rules = { quiet_hours: { from: '11:30', to: '12:30', time_zone: 'UTC' } };
    const said = says(rules, order());
    assert.deepEqual(said?.allowed, {
      from: '2026-03-02T12:30:00.000Z',
      retry_after_ms: 1_800_000,
    });
  });
});
