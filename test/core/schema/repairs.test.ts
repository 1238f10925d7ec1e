import assert from 'node:assert/strict';
import { problemDetails } from '../../../nodes/core/schema/validation-problem.ts';
import { compileSchema } from '../../../nodes/core/schema/validator.ts';

const check = compileSchema({
  type: 'object',
  properties: {
    device_ids: { type: 'array', items: { type: 'string' }, maxItems: 3 },
    level: { type: 'integer', minimum: 1, maximum: 9 },
    share: { type: 'number', exclusiveMinimum: 0 },
    open: { type: 'boolean' },
    mode: { enum: ['eco', 'boost'] },
    version: { const: 2 },
    time_range: { type: 'object', properties: { start: {}, end: {} } },
    limit: { type: 'integer' },
    when: { type: 'string', format: 'date-time' },
  },
  required: ['level'],
  additionalProperties: false,
});

const fixOf = (value: unknown, within = ''): unknown =>
  problemDetails(check(value) ?? [], within)['fix'];

describe('what is wrong with params comes with the change that repairs it', () => {
  const cases: [title: string, value: object, fix: unknown][] = [
    ['a number that is a text', { level: '5' }, { set: { level: 5 } }],
    ['a number with a comma, to an integer', { level: '5,4' }, { set: { level: 5 } }],
    ['a number above its range', { level: 70 }, { set: { level: 9 } }],
    ['a number below its range', { level: -70 }, { set: { level: 1 } }],
    ['a truth that is a text', { level: 1, open: 'On' }, { set: { open: true } }],
    ['a list of one that is none', { level: 1, device_ids: 'a' }, { set: { device_ids: ['a'] } }],
    ['a list written as text', { level: 1, device_ids: '["a"]' }, { set: { device_ids: ['a'] } }],
    [
      'too long a list',
      { level: 1, device_ids: ['a', 'b', 'c', 'd'] },
      { split: { field: 'device_ids', at_most: 3 } },
    ],
    ['a misspelt word', { level: 1, mode: 'bost' }, { set: { mode: 'boost' } }],
    ['the wrong one of one', { level: 1, version: 1 }, { set: { version: 2 } }],
    ['a misspelt field', { level: 1, mod: 'eco' }, { rename: { mod: 'mode' } }],
    ['a misspelt field that is needed', { lvel: 1 }, { rename: { lvel: 'level' } }],
    ['a field of another name', { level: 1, max_results: 5 }, { rename: { max_results: 'limit' } }],
    [
      'a field that belongs further down',
      { level: 1, start_time: 5 },
      { rename: { start_time: 'time_range.start' } },
    ],
    ['a field there is not', { level: 1, colour: 'x' }, { remove: ['colour'] }],
    ['a field there is already', { level: 1, levl: 2 }, { remove: ['levl'] }],
    [
      'several at once',
      { level: '2', mod: 'eco', x: 1 },
      { rename: { mod: 'mode' }, set: { level: 2 }, remove: ['x'] },
    ],
  ];
  for (const [title, value, fix] of cases)
    it(title, () => {
      assert.deepEqual(fixOf(value), fix);
    });

  it('or with what would do, where the hub cannot know the value', () => {
    const [missing] = check({}) ?? [];
    assert.deepEqual(missing?.expected, { type: 'integer', minimum: 1, maximum: 9 });
    assert.equal(missing.fix, undefined);
    const [open] = check({ level: 1, share: 0 }) ?? [];
    assert.equal(open?.fix, undefined);
    const [time] = check({ level: 1, when: 'x' }) ?? [];
    assert.equal(time?.expected?.['example'], '2025-09-30T10:30:00Z');
  });

  it('at its place in the params', () => {
    assert.deepEqual(fixOf({ level: '5', mod: 'eco' }, 'arguments'), {
      rename: { 'arguments.mod': 'arguments.mode' },
      set: { 'arguments.level': 5 },
    });
  });

  it('has no room for what a caller made large', () => {
    const word = 'x'.repeat(600);
    assert.equal(fixOf({ level: 1, device_ids: word }), undefined);
  });
});
