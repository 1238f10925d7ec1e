import assert from 'node:assert/strict';
import { compareSeries, readCompare } from '../../../nodes/core/answer/compare.ts';
import type { Row, SeriesPast } from '../../../nodes/core/answer/series.ts';
import { findUnusual } from '../../../nodes/core/answer/unusual.ts';
import { RpcError } from '../../../nodes/core/rpc/errors.ts';

const hour = 3_600_000;
const day = 24 * hour;
const zone = 'Europe/Berlin';
const at = (text: string): number => Date.parse(text);
const info = { device_id: 'd1', measurement_type: 'temperature', value_type: 'number' } as const;

describe('readCompare', () => {
  const now = at('2026-11-28T12:00:00Z');
  const spanOf = (start: string, end: string, compare: unknown): string[] => {
    const range = { start: at(start), end: at(end) };
    const found = readCompare(compare, range, { now, zone });
    assert.ok(found?.kind === 'time');
    return [found.start, found.end].map((time) => new Date(time).toISOString());
  };

  it('takes the span before, as long by the local clock: a day is a day when clocks change', () => {
    // Clocks go back in the night to 25 October 2026, so this day has 25 hours.
    assert.deepEqual(spanOf('2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z', 'previous'), [
      '2026-10-23T22:00:00.000Z',
      '2026-10-24T22:00:00.000Z',
    ]);
    assert.deepEqual(spanOf('2026-10-25T23:00:00Z', '2026-10-26T23:00:00Z', 'previous'), [
      '2026-10-24T22:00:00.000Z',
      '2026-10-25T23:00:00.000Z',
    ]);
    assert.deepEqual(spanOf('2026-10-25T23:00:00Z', '2026-10-26T10:00:00Z', 'yesterday'), [
      '2026-10-24T22:00:00.000Z',
      '2026-10-25T10:00:00.000Z',
    ]);
    assert.deepEqual(
      spanOf('2026-11-28T00:00:00Z', '2026-11-28T06:00:00Z', { with: 'week before' }),
      ['2026-11-21T00:00:00.000Z', '2026-11-21T06:00:00.000Z'],
    );
  });

  it('takes another span in words or as times, devices, and nothing', () => {
    assert.deepEqual(spanOf('2026-11-28T00:00:00Z', '2026-11-28T06:00:00Z', '2026-11-01'), [
      '2026-10-31T23:00:00.000Z',
      '2026-11-01T23:00:00.000Z',
    ]);
    const range = { start: 0, end: day };
    const options = { now, zone };
    assert.deepEqual(readCompare({ with: { devices: ['a'] } }, range, options), {
      kind: 'devices',
      devices: ['a'],
    });
    assert.deepEqual(readCompare(['a', 'b'], range, options)?.kind, 'devices');
    assert.equal(readCompare(undefined, range, options), undefined);
    for (const bad of ['the other one', [], ['a', 1], Array(6).fill('a'), 5, {}])
      assert.throws(() => readCompare(bad, range, options), RpcError, JSON.stringify(bad));
  });
});

describe('compareSeries', () => {
  const past = (
    start: number,
    values: readonly (number | undefined)[],
    value?: number,
  ): SeriesPast => ({
    info,
    aggregation: 'avg',
    ...(value !== undefined && { value }),
    rows: values.flatMap((one, i): Row[] =>
      one === undefined ? [] : [{ at: start + i * hour, value: one, min: one, max: one, count: 1 }],
    ),
    count: values.length,
  });
  const options = { width: hour, zone };

  it('gives the difference, in percent too, and the correlation of hours both have', () => {
    const [start, before] = [at('2026-11-27T00:00:00Z'), at('2026-11-26T00:00:00Z')];
    const compared = compareSeries(
      { past: past(start, [1, 2, 3, 4, 5], 3), start },
      { past: past(before, [2, 4, undefined, 8, 10], 6), start: before, end: start },
      options,
    );
    assert.equal(compared.delta, -3);
    assert.equal(compared.percent, -50);
    assert.equal(compared.correlation, 1);
    assert.equal(compared.n, 4);
    assert.deepEqual(compared.query.time_range, {
      start: '2026-11-26T00:00:00.000Z',
      end: '2026-11-27T00:00:00.000Z',
    });
  });

  it('gives no percent of zero, no delta of nothing, no correlation of a constant', () => {
    const start = at('2026-11-27T00:00:00Z');
    const one = { past: past(start, [1, 2, 3], 2), start };
    const zero = compareSeries(one, { past: past(0, [0, 0, 0], 0), start: 0, end: day }, options);
    assert.deepEqual([zero.delta, zero.percent, zero.correlation], [2, undefined, undefined]);
    const none = compareSeries(one, { past: past(0, []), start: 0, end: day }, options);
    assert.deepEqual([none.delta, none.n, none.value], [undefined, 0, undefined]);
  });
});

describe('findUnusual', () => {
  const start = at('2026-11-27T23:00:00Z');
  const end = start + day;
  /** Fifteen days of a room that is warm in the evening, with a little noise that is always the same. */
  const valueAt = (time: number): number =>
    20 + 2 * Math.sin(((time % day) / day) * 2 * Math.PI) + ((time / hour) % 7) / 20;
  const hoursFrom = (from: number, change: (time: number) => number = valueAt): Row[] =>
    Array.from({ length: Math.round((end - from) / hour) }, (_, i) => from + i * hour).map(
      (time) => {
        const value = change(time);
        return { at: time, value, min: value - 0.1, max: value + 0.1, count: 60 };
      },
    );
  const look = (hours: Row[], more: object = {}) =>
    findUnusual({
      hours,
      rows: hours.filter((row) => row.at >= start),
      width: hour,
      gaps: [],
      ...{ start, end, zone, moves: true },
      ...more,
    });

  it('finds nothing in a day like the ones before', () => {
    assert.deepEqual(look(hoursFrom(start - 14 * day)), []);
  });

  it('finds what is unusual at that hour, though it would not be at another one, as one finding', () => {
    const [from, until] = [start + 2 * hour, start + 5 * hour];
    const odd = (time: number): number => (time >= from && time < until ? 26 : valueAt(time));
    const [finding, ...more] = look(hoursFrom(start - 14 * day, odd));
    assert.deepEqual(more, []);
    assert.equal(finding?.kind, 'high');
    assert.equal(finding.start, new Date(from).toISOString());
    assert.equal(finding.end, new Date(until).toISOString());
    assert.equal(finding.compared_with, 'same_hours_of_earlier_days');
    assert.ok(finding.value === 26.1 && (finding.usual ?? 99) < 23 && (finding.score ?? 0) > 4);
  });

  it('compares with the rest of the range where there are no earlier days, and finds lows', () => {
    const [finding] = look(
      hoursFrom(start, (time) => (time === start + 9 * hour ? 2 : valueAt(time))),
    );
    assert.equal(finding?.kind, 'low');
    assert.equal(finding.compared_with, 'rest_of_the_range');
  });

  it('says nothing of a constant, of one reading, of none, and of on and off', () => {
    assert.deepEqual(
      look(hoursFrom(start - 14 * day, () => 20).map((row) => ({ ...row, min: 20, max: 20 }))),
      [],
    );
    assert.deepEqual(look(hoursFrom(end - hour)), []);
    assert.deepEqual(look([]), []);
    assert.deepEqual(
      look(
        hoursFrom(start, (time) => (time === start ? 900 : 1)),
        { moves: false },
      ),
      [],
    );
  });

  it('does not take one step of a sensor that hardly ever moves for a sensation', () => {
    const steady = (time: number): number => (time === start + 3 * hour ? 20.1 : 20);
    assert.deepEqual(look(hoursFrom(start - 14 * day, steady)), []);
  });

  it('finds a line that stays flat for hours, and gaps, ten findings at most', () => {
    const [from, until] = [start + 4 * hour, start + 12 * hour];
    const stuck = hoursFrom(start - 14 * day).map((row) =>
      row.at >= from && row.at < until ? { ...row, value: 20.5, min: 20.5, max: 20.5 } : row,
    );
    const flat = look(stuck).find(({ kind }) => kind === 'flat');
    assert.deepEqual(flat, {
      kind: 'flat',
      start: new Date(from).toISOString(),
      end: new Date(until).toISOString(),
      value: 20.5,
    });
    const gaps = Array.from({ length: 30 }, (_, i) => ({ start: start + i, end: start + i + 1 }));
    const found = look(stuck, { gaps });
    assert.equal(found.length, 10);
    assert.equal(found.at(-1)?.kind, 'gap');
  });
});
