import assert from 'node:assert/strict';
import { RpcError } from '../../../nodes/core/rpc/errors.ts';
import { decodeCursor, encodeCursor } from '../../../nodes/core/telemetry/cursor.ts';
import type { StoreQuery } from '../../../nodes/core/telemetry/ports.ts';
import {
  dataQueryLimits,
  formatDataAnswer,
  parseDataQuery,
} from '../../../nodes/core/telemetry/query.ts';

const range = { start: '2025-09-30T00:00:00Z', end: '2025-09-30T23:59:59Z' };
const params = (changes: Record<string, unknown> = {}) => ({
  device_ids: ['d1'],
  time_range: range,
  ...changes,
});

describe('parseDataQuery', () => {
  it('understands the example of the specification', () => {
    const query = parseDataQuery({
      device_ids: ['550e8400-e29b-41d4-a716-446655440001'],
      measurement_types: ['temperature', 'humidity'],
      time_range: range,
      aggregation: 'avg',
      interval: '1h',
    });
    assert.deepEqual(query, {
      device_ids: ['550e8400-e29b-41d4-a716-446655440001'],
      measurement_types: ['temperature', 'humidity'],
      start: Date.UTC(2025, 8, 30),
      end: Date.UTC(2025, 8, 30, 23, 59, 59),
      aggregation: 'avg',
      interval: '1h',
      limit: dataQueryLimits.usualPoints,
    });
  });

  it('takes raw, none and an absent aggregation for raw readings', () => {
    for (const aggregation of ['raw', 'none', undefined, null])
      assert.equal(parseDataQuery(params({ aggregation })).aggregation, undefined);
  });

  it('takes milliseconds and offsets, and local times in time_zone', () => {
    const time_range = { start: 1_759_190_400_000, end: '2025-09-30T12:00:00+02:00' };
    const query = parseDataQuery(params({ time_range }));
    assert.equal(query.start, Date.UTC(2025, 8, 30));
    assert.equal(query.end, Date.UTC(2025, 8, 30, 10));
    const local = parseDataQuery(
      params({
        time_range: { start: '2025-03-30', end: '2025-03-31T00:00' },
        time_zone: 'Europe/Brussels',
      }),
    );
    assert.equal(local.start, Date.UTC(2025, 2, 29, 23));
    assert.equal(local.end, Date.UTC(2025, 2, 30, 22));
  });

  const wrong: [string, Record<string, unknown>, string, RegExp][] = [
    ['no devices', { device_ids: undefined }, 'device_ids', /missing/],
    ['an empty list of devices', { device_ids: [] }, 'device_ids', /1 to 1000/],
    ['a device that is no string', { device_ids: [7] }, 'device_ids', /strings/],
    ['an empty list of types', { measurement_types: [] }, 'measurement_types', /1 to 100/],
    ['no time range', { time_range: undefined }, 'time_range', /start, end/],
    [
      'a date that does not exist',
      { time_range: { ...range, start: '2025-02-30' } },
      'time_range.start',
      /ISO 8601/,
    ],
    ['no end', { time_range: { start: range.start } }, 'time_range.end', /ISO 8601/],
    [
      'an end before the start',
      { time_range: { start: range.end, end: range.start } },
      'time_range',
      /before/,
    ],
    ['an end at the start', { time_range: { start: 5, end: 5 } }, 'time_range', /exclusive/],
    ['a misspelt range', { time_range: { begin: 1, end: 2 } }, 'time_range.begin', /start, end/],
    ['an unknown aggregation', { aggregation: 'mediam' }, 'aggregation', /one of avg, min/],
    ['an unknown interval', { aggregation: 'avg', interval: '1w' }, 'interval', /1s to 30d/],
    [
      'an interval without an aggregation',
      { interval: '1h' },
      'aggregation',
      /needs an aggregation/,
    ],
    ['an unknown zone', { time_zone: 'Mars/Olympus' }, 'time_zone', /IANA/],
    ['a limit of none', { limit: 0 }, 'limit', /from 1 to 100000/],
    ['a limit that is too large', { limit: 100_001 }, 'limit', /from 1 to 100000/],
    ['a cursor that is no string', { cursor: 7 }, 'cursor', /string/],
    ['a misspelt param', { agregation: 'avg' }, 'agregation', /no param of data\.query/],
  ];
  for (const [what, changes, field, reason] of wrong) {
    it(`refuses ${what} with -32602 and says what would be right`, () => {
      assert.throws(
        () => parseDataQuery(params(changes)),
        (error) => {
          assert.ok(error instanceof RpcError);
          assert.equal(error.code, -32602);
          assert.equal(error.details['field'], field);
          assert.match(error.reason, reason);
          return true;
        },
      );
    });
  }

  it('names the nearest aggregation and param', () => {
    const nearestTo = (changes: Record<string, unknown>): unknown => {
      try {
        return parseDataQuery(params(changes));
      } catch (error) {
        return error instanceof RpcError && error.details['nearest'];
      }
    };
    assert.equal(nearestTo({ aggregation: 'mediam' }), 'median');
    assert.equal(nearestTo({ agregation: 'avg' }), 'aggregation');
  });

  it('refuses more intervals than the limit and says which width would fit', () => {
    const time_range = { start: '2020-01-01', end: '2025-01-01' };
    assert.throws(
      () => parseDataQuery(params({ time_range, aggregation: 'avg', interval: '1s' })),
      /ask for at least 158s/,
    );
  });
});

describe('formatDataAnswer', () => {
  it('gives times in ISO 8601 UTC and leaves out what a series does not have', () => {
    const answer = formatDataAnswer({
      series: [
        {
          device_id: 'd',
          sensor_id: 's',
          measurement_type: 'temperature',
          unit: 'celsius',
          value_type: 'number',
          points: [{ timestamp: 0, value: 1.5, count: 3 }],
        },
        { device_id: 'd', measurement_type: 'mode', value_type: 'string', points: [] },
      ],
      truncated: true,
      cursor: 'c',
    });
    assert.deepEqual(answer, {
      series: [
        {
          device_id: 'd',
          sensor_id: 's',
          measurement_type: 'temperature',
          unit: 'celsius',
          points: [{ timestamp: '1970-01-01T00:00:00.000Z', value: 1.5, count: 3 }],
        },
        { device_id: 'd', measurement_type: 'mode', points: [] },
      ],
      truncated: true,
      cursor: 'c',
    });
  });
});

describe('a cursor', () => {
  const query: StoreQuery = { device_ids: ['d', 'ë'], start: 0, end: 10, limit: 5 };
  const position = { device_id: 'ë', sensor_id: 's', measurement_type: '温度', timestamp: 7 };

  it('brings back the position it was made from, with any limit', () => {
    const cursor = encodeCursor(query, position);
    assert.match(cursor, /^[\w-]+$/);
    assert.deepEqual(decodeCursor({ ...query, limit: 9, cursor }), position);
  });

  it('is refused with -32602 when it is damaged or belongs to another question', () => {
    const cursor = encodeCursor(query, position);
    const refused = { code: -32602 };
    for (const damaged of ['', '?', 'AAAA', cursor.slice(3), btoa('{}'), btoa('[1,2,3,4,5]')])
      assert.throws(() => decodeCursor({ ...query, cursor: damaged }), refused);
    assert.throws(() => decodeCursor({ ...query, end: 11, cursor }), refused);
  });
});
