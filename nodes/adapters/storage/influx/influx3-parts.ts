import type { Segment } from '../../../core/telemetry/remote.ts';
import { TooManyFiles } from './influx3-client.ts';
import type { TimeRange } from './influx3-queries.ts';
import { bucketStart } from './points.ts';

/** InfluxDB 3 Core writes a file for every ten minutes, so that less need not be tried. */
const shortest = 600_000;

/** Where to cut a range in two; undefined if it cannot be cut. */
export type Cut = (range: TimeRange) => number | undefined;

export const inTheMiddle: Cut = ({ start, end }) =>
  end - start > shortest ? Math.floor(start / 2 + end / 2) : undefined;

/** Cuts where one bucket ends and another begins. */
export const betweenBuckets =
  (segment: Segment): Cut =>
  (range) => {
    const middle = inTheMiddle(range);
    if (middle === undefined) return undefined;
    const start = bucketStart(segment, middle);
    const cut = start > range.start ? start : start + segment.width;
    return cut < range.end ? cut : undefined;
  };

/**
 * Asks about a range of time; where the server would need too many files for that, about its halves one after the
 * other, and so on, until there are enough results.
 * @throws Error that says what to change if the shortest part still takes too many files
 */
export async function inParts<Result>(
  range: TimeRange,
  cut: Cut,
  limit: number,
  ask: (range: TimeRange, limit: number) => Promise<Result[]>,
): Promise<Result[]> {
  try {
    return await ask(range, limit);
  } catch (error) {
    if (!(error instanceof TooManyFiles)) throw error;
    const middle = cut(range);
    if (middle === undefined)
      throw new Error(
        `${error.message}; start the server with a higher --query-file-limit, or ask for shorter intervals`,
      );
    const first = await inParts({ start: range.start, end: middle }, cut, limit, ask);
    if (first.length >= limit) return first;
    const rest = { start: middle, end: range.end };
    return [...first, ...(await inParts(rest, cut, limit - first.length, ask))];
  }
}
