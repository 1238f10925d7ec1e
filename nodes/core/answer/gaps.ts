import { medianOf } from './statistics.ts';

/** Intervals of one width with readings in them; times in milliseconds since the epoch, ascending. */
export interface Filled {
  at: number;
  count: number;
}

/** Times without readings, as far as intervals of `resolution_s` can tell. */
export interface Gaps {
  count: number;
  /** Seconds in all. */
  total_s: number;
  /** The longest of them. */
  longest?: { start: string; end: string; seconds: number };
  /** Usual seconds from one reading to the next; absent where too few tell. */
  usual_interval_s?: number;
  resolution_s: number;
}

export interface GapSpan {
  start: number;
  end: number;
}

/** So many usual intervals without a reading are a gap. */
const patience = 3;

/**
 * Usual milliseconds from one reading to the next, of intervals that are `width` wide. With two readings or more to an
 * interval their number tells, else how far apart the intervals are.
 */
export function usualInterval(filled: readonly Filled[], width: number): number | undefined {
  if (filled.length === 0) return undefined;
  const usual = medianOf(filled.map(({ count }) => count));
  if (usual >= 2) return width / usual;
  if (filled.length < 3) return undefined;
  return medianOf(filled.slice(1).map(({ at }, index) => at - (filled[index] as Filled).at));
}

/**
 * Spans of [start, end) without readings that are longer than three usual intervals, and than two `width`. A range with
 * no reading at all is one gap.
 */
export function findGaps(
  filled: readonly Filled[],
  range: { start: number; end: number; width: number },
): { spans: GapSpan[]; usual: number | undefined } {
  const { start, end, width } = range;
  const usual = usualInterval(filled, width);
  if (filled.length === 0) return { spans: end > start ? [{ start, end }] : [], usual };
  if (usual === undefined) return { spans: [], usual };
  const longest = Math.max(patience * usual, 2 * width);
  const spans: GapSpan[] = [];
  let from = start;
  for (const { at } of [...filled, { at: end }]) {
    if (at - from > longest) spans.push({ start: from, end: at });
    from = Math.max(from, at + width);
  }
  return { spans, usual };
}

/** As an answer shows them. */
export function describeGaps(
  { spans, usual }: { spans: readonly GapSpan[]; usual: number | undefined },
  width: number,
): Gaps {
  const length = ({ start, end }: GapSpan): number => end - start;
  const [longest] = spans.toSorted((a, b) => length(b) - length(a));
  return {
    count: spans.length,
    total_s: Math.round(spans.reduce((sum, span) => sum + length(span), 0) / 1_000),
    ...(longest && {
      longest: {
        start: new Date(longest.start).toISOString(),
        end: new Date(longest.end).toISOString(),
        seconds: Math.round(length(longest) / 1_000),
      },
    }),
    ...(usual !== undefined && { usual_interval_s: Math.round(usual / 100) / 10 }),
    resolution_s: width / 1_000,
  };
}
