import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RpcError } from '../../../nodes/core/rpc/errors.ts';
import { createBuckets, parseInterval } from '../../../nodes/core/telemetry/interval.ts';
import { timeZone } from '../../../nodes/core/telemetry/time-zone.ts';

const hour = 3_600_000;
const at = (iso: string): number => Date.parse(iso);
const bucket = (interval: string, zone: string | undefined, iso: string): string[] => {
  const { start, end } = createBuckets(parseInterval(interval), zone)(at(iso));
  return [start, end].map((time) => new Date(time).toISOString().replace('.000', ''));
};

describe('parseInterval', () => {
  it('reads seconds, minutes, hours and days from 1s to 30d', () => {
    assert.equal(parseInterval('1s'), 1_000);
    assert.equal(parseInterval('15m'), 900_000);
    assert.equal(parseInterval('24h'), parseInterval('1d'));
    assert.equal(parseInterval('30d'), 2_592_000_000);
    assert.equal(parseInterval('2592000s'), 2_592_000_000);
  });

  for (const wrong of [
    '',
    '0s',
    '31d',
    '721h',
    '1w',
    '1.5h',
    '-1h',
    '1H',
    '1 h',
    'h',
    '10',
    '1h1m',
    60,
  ]) {
    it(`refuses ${JSON.stringify(wrong)} with -32602 and the allowed form`, () => {
      assert.throws(
        () => parseInterval(wrong),
        (error) =>
          error instanceof RpcError &&
          error.code === -32602 &&
          error.details['field'] === 'interval' &&
          /1s to 30d/.test(error.reason),
      );
    });
  }
});

describe('createBuckets', () => {
  it('aligns buckets in UTC to the clock and to midnight', () => {
    assert.deepEqual(bucket('15m', undefined, '2025-09-30T10:44:59Z'), [
      '2025-09-30T10:30:00Z',
      '2025-09-30T10:45:00Z',
    ]);
    assert.deepEqual(bucket('6h', 'UTC', '2025-09-30T05:59:59Z'), [
      '2025-09-30T00:00:00Z',
      '2025-09-30T06:00:00Z',
    ]);
  });

  it('counts weeks from Monday', () => {
    assert.deepEqual(bucket('7d', 'UTC', '2025-09-30T10:00:00Z'), [
      '2025-09-29T00:00:00Z',
      '2025-10-06T00:00:00Z',
    ]);
  });

  it('starts days at local midnight, 23 hours long in March and 25 in October', () => {
    assert.deepEqual(bucket('1d', 'Europe/Brussels', '2025-03-30T12:00:00Z'), [
      '2025-03-29T23:00:00Z',
      '2025-03-30T22:00:00Z',
    ]);
    assert.deepEqual(bucket('1d', 'Europe/Brussels', '2025-10-26T12:00:00Z'), [
      '2025-10-25T22:00:00Z',
      '2025-10-26T23:00:00Z',
    ]);
  });

  it('keeps 6h buckets on the local clock when it changes', () => {
    assert.deepEqual(bucket('6h', 'Europe/Brussels', '2025-03-30T02:00:00Z'), [
      '2025-03-29T23:00:00Z',
      '2025-03-30T04:00:00Z',
    ]);
  });

  it('makes two buckets of the hour that comes twice', () => {
    assert.deepEqual(
      bucket('1h', 'Europe/Brussels', '2025-10-26T00:30:00Z')[0],
      '2025-10-26T00:00:00Z',
    );
    assert.deepEqual(
      bucket('1h', 'Europe/Brussels', '2025-10-26T01:30:00Z')[0],
      '2025-10-26T01:00:00Z',
    );
  });

  it('aligns hours to the local clock of zones that are half an hour off', () => {
    assert.deepEqual(bucket('1h', 'Asia/Kolkata', '2025-09-30T10:40:00Z'), [
      '2025-09-30T10:30:00Z',
      '2025-09-30T11:30:00Z',
    ]);
    assert.deepEqual(
      bucket('1d', 'Asia/Kathmandu', '2025-09-30T10:40:00Z')[0],
      '2025-09-29T18:15:00Z',
    );
  });

  it('puts a half hour on each side of a change by half an hour (Lord Howe)', () => {
    const buckets = ['2025-04-05T14:30:00Z', '2025-04-05T15:10:00Z', '2025-04-05T15:40:00Z'].map(
      (iso) => bucket('1h', 'Australia/Lord_Howe', iso),
    );
    assert.deepEqual(buckets, [
      ['2025-04-05T14:00:00Z', '2025-04-05T15:00:00Z'],
      ['2025-04-05T15:00:00Z', '2025-04-05T15:30:00Z'],
      ['2025-04-05T15:30:00Z', '2025-04-05T16:30:00Z'],
    ]);
  });

  it('refuses an unknown zone with -32602 and the nearest name', () => {
    assert.throws(
      () => createBuckets(hour, 'Europe/Brusels'),
      (error) =>
        error instanceof RpcError &&
        error.code === -32602 &&
        error.details['nearest'] === 'Europe/Brussels',
    );
  });

  const zones = [
    'UTC',
    'Europe/Brussels',
    'Australia/Lord_Howe',
    'America/St_Johns',
    'Africa/Casablanca',
  ];
  const intervals = ['1s', '7m', '30m', '1h', '90m', '2h', '5h', '6h', '1d', '36h', '7d', '30d'];
  const instants = fc.integer({ min: at('1990-01-01'), max: at('2040-01-01') });

  it('covers all of time with buckets that neither overlap nor leave a gap', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.constantFrom(...intervals),
        fc.oneof(
          instants,
          fc
            .constantFrom('2025-03-30T01:00Z', '2025-10-26T01:00Z', '2025-04-05T15:00Z')
            .chain((iso) => fc.integer({ min: at(iso) - 3 * hour, max: at(iso) + 3 * hour })),
        ),
        (zone, interval, instant) => {
          const bucketAt = createBuckets(parseInterval(interval), zone);
          const { start, end } = bucketAt(instant);
          assert.ok(start <= instant && instant < end);
          assert.deepEqual(bucketAt(start), { start, end });
          assert.deepEqual(bucketAt(end - 1), { start, end });
          assert.equal(bucketAt(end).start, end);
          assert.equal(bucketAt(start - 1).end, start);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('puts two instants in one day bucket exactly when the local calendar says the same date', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        instants,
        fc.integer({ min: -30 * hour, max: 30 * hour }),
        (zone, instant, distance) => {
          const date = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short' });
          const bucketAt = createBuckets(parseInterval('1d'), zone);
          assert.equal(
            bucketAt(instant).start === bucketAt(instant + distance).start,
            date.format(instant) === date.format(instant + distance),
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('timeZone', () => {
  it('knows the first instant that shows a local time, also one that is skipped or comes twice', () => {
    const zone = timeZone('Europe/Brussels');
    assert.equal(zone.instantOf(at('2025-03-30T02:30:00Z')), at('2025-03-30T01:00:00Z'));
    assert.equal(zone.instantOf(at('2025-10-26T02:30:00Z')), at('2025-10-26T00:30:00Z'));
    assert.equal(zone.instantOf(at('2025-07-01T00:00:00Z')), at('2025-06-30T22:00:00Z'));
  });

  it('survives a zone that skipped a whole day', () => {
    const zone = timeZone('Pacific/Apia');
    assert.equal(zone.instantOf(at('2011-12-30T00:00:00Z')), at('2011-12-30T10:00:00Z'));
    assert.equal(zone.instantOf(at('2011-12-31T00:00:00Z')), at('2011-12-30T10:00:00Z'));
  });
});
