import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createBuckets, parseInterval } from '../../../nodes/core/telemetry/interval.ts';
import type { Segment } from '../../../nodes/core/telemetry/remote.ts';
import { createSegments } from '../../../nodes/core/telemetry/segments.ts';

const hour = 3_600_000;
const at = (iso: string): number => Date.parse(iso);
const cut = (interval: string, zone: string | undefined, start: number, end: number): Segment[] => {
  const segmentFrom = createSegments(parseInterval(interval), zone);
  const segments: Segment[] = [];
  for (let from = start; from < end; from = segments.at(-1)!.end) {
    segments.push(segmentFrom(from, end));
    assert.ok(segments.at(-1)!.end > from);
  }
  return segments;
};

describe('createSegments', () => {
  it('makes one segment of a range in UTC, with the start of the first bucket as its origin', () => {
    const [start, end] = [at('2025-09-30T10:44:59Z'), at('2026-09-30T10:44:59Z')];
    assert.deepEqual(cut('15m', undefined, start, end), [
      { start, end, width: 900_000, origin: at('2025-09-30T10:30:00Z') },
    ]);
  });

  it('makes a segment of its own of the day on which the clock changes', () => {
    const segments = cut(
      '1d',
      'Europe/Brussels',
      at('2025-03-01T00:00:00+01:00'),
      at('2025-05-01T00:00:00+02:00'),
    );
    assert.deepEqual(
      segments.map(({ start, width }) => [new Date(start).toISOString(), width / hour]),
      [
        ['2025-02-28T23:00:00.000Z', 24],
        ['2025-03-29T23:00:00.000Z', 23],
        ['2025-03-30T22:00:00.000Z', 24],
      ],
    );
  });

  it('stays quick and lazy for a range of thousands of years', () => {
    const segment = createSegments(86_400_000, 'Europe/Brussels')(-8.64e15, 8.64e15);
    assert.equal(segment.start, -8.64e15);
    assert.ok(segment.end < 0);
  });

  const zones = [
    ...['UTC', 'Europe/Brussels', 'Australia/Lord_Howe', 'America/St_Johns'],
    ...['Africa/Casablanca', 'Pacific/Apia', 'Asia/Kathmandu', 'America/Sao_Paulo'],
  ];
  const intervals = ['1s', '7m', '30m', '59m', '1h', '61m', '90m', '2h', '5h', '6h', '23h'].concat(
    ...['1d', '25h', '36h', '7d', '10d', '30d'],
  );
  const nearChange = fc
    .constantFrom(
      ...['2025-03-30T01:00Z', '2025-10-26T01:00Z', '2025-04-05T15:00Z', '2011-12-30T10:00Z'],
      ...['2018-11-04T03:00Z', '2025-02-23T02:00Z', '2025-04-06T02:00Z'],
    )
    .chain((iso) => fc.integer({ min: at(iso) - 30 * hour, max: at(iso) + 30 * hour }));
  const instants = fc.oneof(
    fc.integer({ min: at('1990-01-01'), max: at('2040-01-01') }),
    nearChange,
  );
  const spans = fc.oneof(fc.integer({ min: 1, max: 100 * hour }), fc.nat(3_000 * 24 * hour));

  it('has exactly the buckets of createBuckets, for every interval and zone', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.constantFrom(...intervals),
        instants,
        spans,
        fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 20 }),
        (zone, interval, start, span, places) => {
          const end = start + span + 1;
          const bucketAt = createBuckets(parseInterval(interval), zone);
          const check = ({ width, origin, end: last }: Segment, instant: number): void => {
            const from = origin + Math.floor((instant - origin) / width) * width;
            const bucket = bucketAt(instant);
            assert.equal(from, bucket.start);
            if (from + width <= last) assert.equal(from + width, bucket.end);
            else assert.ok(last === end && bucket.end > end);
          };
          let expected = start;
          const segments = cut(interval, zone, start, end);
          for (const segment of segments) {
            assert.equal(segment.start, expected);
            expected = segment.end;
            check(segment, segment.start);
            check(segment, segment.end - 1);
            for (const place of places)
              check(segment, segment.start + Math.floor(place * (segment.end - segment.start - 1)));
          }
          assert.equal(expected, end);
          const changes = new Set<number>();
          const format = new Intl.DateTimeFormat('en', {
            timeZone: zone,
            timeZoneName: 'longOffset',
          });
          let before = format.format(start).split(', ')[1];
          for (let day = start; day < end + 24 * hour; day += 24 * hour) {
            const offset = format.format(day).split(', ')[1];
            if (offset !== before) changes.add(day);
            before = offset;
          }
          assert.ok(segments.length <= 1 + 4 * (changes.size + 1), `${segments.length} segments`);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
