import assert from 'node:assert/strict';
import { RpcError } from '../../../nodes/core/rpc/errors.ts';
import { readScope, readWindowMs } from '../../../nodes/core/security/scope.ts';

const whole = {
  device_ids: ['550e8400-e29b-41d4-a716-446655440000'],
  device_types: ['thermostat'],
  labels: { room: 'kitchen', floor: '1' },
  methods: ['device.*', 'data.query'],
  commands: ['set_temperature', 'light.*'],
  arguments: {
    set_temperature: {
      type: 'object',
      properties: { target: { type: 'number', minimum: 15, maximum: 25 } },
      required: ['target'],
    },
  },
  calls_per_minute: 60,
  read_window: '7d',
};

const refusedAt = (value: unknown): unknown => {
  try {
    readScope(value);
  } catch (error) {
    assert.ok(error instanceof RpcError);
    assert.equal(error.code, -32602);
    assert.ok(error.reason.length > 10);
    return error.details['field'];
  }
  return 'nothing';
};
const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i}`);

describe('reading a scope', () => {
  it('takes every part, and none', () => {
    assert.deepEqual(readScope(structuredClone(whole)), whole);
    assert.deepEqual(readScope({}), {});
  });

  const refused: [what: string, value: unknown, field: string][] = [
    ['what is no object', 'all', 'scope'],
    ['a list', [whole], 'scope'],
    ['a part that there is not', { device: ['d1'] }, 'scope.device'],
    ['__proto__', JSON.parse('{"__proto__":{"methods":["a.b"]}}'), 'scope.__proto__'],
    ['no device', { device_ids: [] }, 'scope.device_ids'],
    ['one device as text', { device_ids: 'd1' }, 'scope.device_ids'],
    ['null', { device_ids: null }, 'scope.device_ids'],
    ['an id that is no text', { device_ids: ['d1', 2] }, 'scope.device_ids[1]'],
    ['an id with a control character', { device_ids: ['d\u0000'] }, 'scope.device_ids[0]'],
    ['1,001 devices', { device_ids: many(1_001) }, 'scope.device_ids'],
    ['101 types', { device_types: many(101) }, 'scope.device_types'],
    ['an empty type', { device_types: [''] }, 'scope.device_types[0]'],
    ['no label', { labels: {} }, 'scope.labels'],
    ['a label that is a number', { labels: { floor: 1 } }, 'scope.labels.floor'],
    ['a label that changes direction', { labels: { a: 'x\u202ey' } }, 'scope.labels.a'],
    ['33 labels', { labels: Object.fromEntries(many(33).map((n) => [n, n])) }, 'scope.labels'],
    ['a star alone', { methods: ['*'] }, 'scope.methods[0]'],
    ['a star inside', { methods: ['device.*.x'] }, 'scope.methods[0]'],
    ['a star that cuts a word', { commands: ['set*'] }, 'scope.commands[0]'],
    ['101 methods', { methods: many(101) }, 'scope.methods'],
    ['101 commands', { commands: many(101) }, 'scope.commands'],
    ['a name of 129 characters', { methods: ['a'.repeat(129)] }, 'scope.methods[0]'],
    ['arguments of a pattern', { arguments: { 'light.*': {} } }, 'scope.arguments.light.*'],
    ['arguments that are no schema', { arguments: { open: true } }, 'scope.arguments.open'],
    ['a schema that is none', { arguments: { a: { type: 'text' } } }, 'scope.arguments.a'],
    [
      'a schema with a pattern that backtracks',
      { arguments: { a: { properties: { b: { pattern: '(a+)+$' } } } } },
      'scope.arguments.a',
    ],
    ['no call at all', { calls_per_minute: 0 }, 'scope.calls_per_minute'],
    ['half a call', { calls_per_minute: 1.5 }, 'scope.calls_per_minute'],
    ['10,001 calls', { calls_per_minute: 10_001 }, 'scope.calls_per_minute'],
    ['a window in weeks', { read_window: '1w' }, 'scope.read_window'],
    ['a window of nothing', { read_window: '0d' }, 'scope.read_window'],
    ['a window of 3,651 days', { read_window: '3651d' }, 'scope.read_window'],
    ['a window in milliseconds', { read_window: 1000 }, 'scope.read_window'],
    ['more than 32 KiB', { arguments: { a: { description: 'x'.repeat(33_000) } } }, 'scope'],
  ];
  for (const [what, value, field] of refused) {
    it(`refuses ${what}, naming ${field}`, () => assert.equal(refusedAt(value), field));
  }

  it('says which part was meant', () => {
    assert.throws(() => readScope({ label: { a: 'b' } }), {
      details: {
        field: 'scope.label',
        nearest: 'labels',
        fix: { rename: { 'scope.label': 'scope.labels' } },
        allowed: Object.keys(whole),
      },
    });
  });

  it('takes what just fits', () => {
    assert.equal(readScope({ device_ids: many(1_000) }).device_ids?.length, 1_000);
    assert.equal(readScope({ methods: many(100) }).methods?.length, 100);
  });

  it('reads a window as milliseconds', () => {
    assert.equal(readWindowMs('90s'), 90_000);
    assert.equal(readWindowMs('7d'), 604_800_000);
  });
});
