import type { Aggregation, LatestReading, SeriesKey } from '../telemetry/ports.ts';
import { describeGaps, findGaps, type GapSpan, type Gaps } from './gaps.ts';
import { ownerOf, type SeriesPast } from './series.ts';

/** Params of `data.query` that give the number again. */
export interface EvidenceQuery {
  device_ids: string[];
  measurement_types: string[];
  time_range: { start: string; end: string };
  aggregation: Aggregation;
}

/** What a number rests on, so that it can be checked. */
export interface Evidence {
  /** Kind of the store that has the readings. */
  store: string;
  /** How many readings. */
  count: number;
  /** From the first interval with readings to the end of the last one, within what was asked for; absent if none. */
  covered?: { start: string; end: string };
  gaps: Gaps;
  query: EvidenceQuery;
}

const iso = (at: number): string => new Date(at).toISOString();

export function evidenceQuery(
  series: SeriesKey,
  aggregation: Aggregation,
  { start, end }: { start: number; end: number },
): EvidenceQuery {
  return {
    device_ids: [ownerOf(series)],
    measurement_types: [series.measurement_type],
    time_range: { start: iso(start), end: iso(end) },
    aggregation,
  };
}

/**
 * @param range what was asked for, with the width of its intervals; `now` because nothing is missing from the future
 */
export function evidenceOf(
  past: SeriesPast,
  range: { start: number; end: number; width: number; now: number },
  store: string,
): { evidence: Evidence; gaps: GapSpan[] } {
  const { start, width } = range;
  const end = Math.min(range.end, Math.max(range.now, start));
  const found = findGaps(past.rows, { start, end, width });
  const [first, last] = [past.rows[0], past.rows.at(-1)];
  return {
    gaps: found.spans,
    evidence: {
      store,
      count: past.count,
      ...(first &&
        last && {
          covered: {
            start: iso(Math.max(start, first.at)),
            end: iso(Math.min(range.end, last.at + width)),
          },
        }),
      gaps: describeGaps(found, width),
      query: evidenceQuery(past.info, past.aggregation, range),
    },
  };
}

/** How a newest reading stands. */
export interface Freshness {
  age_s: number;
  stale: boolean;
}

/** @param patience milliseconds after which a reading is stale */
export function freshness(
  { timestamp }: Pick<LatestReading, 'timestamp'>,
  now: number,
  patience: number,
): Freshness {
  const age = Math.max(0, now - timestamp);
  return { age_s: Math.round(age / 1_000), stale: age > patience };
}
