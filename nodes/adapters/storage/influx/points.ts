import { finite } from '../../../core/telemetry/aggregate.ts';
import type { Aggregation, Point, SeriesInfo } from '../../../core/telemetry/ports.ts';
import type { Segment } from '../../../core/telemetry/remote.ts';
import type { ReadingValue } from '../../../core/telemetry/types.ts';
import { originalText } from './influx-text.ts';

/** Times of points in milliseconds since the epoch, between which all databases of the family agree. */
export const earliestTime = -9_223_372_036_854;
export const latestTime = 9_223_372_036_854;

export type ValueField = 'number' | 'text' | 'boolean';

const typed: readonly (Aggregation | undefined)[] = [undefined, 'first', 'last', 'count'];

/** The field an answer is made of: booleans are in `number` as well, so that they aggregate. */
export function valueFieldOf(
  { value_type }: Pick<SeriesInfo, 'value_type'>,
  aggregation?: Aggregation,
): ValueField {
  if (value_type === 'string') return 'text';
  return value_type === 'boolean' && typed.includes(aggregation) ? 'boolean' : 'number';
}

/** The value of a reading, from what the database has in a field. */
export const readValue = (value: unknown): ReadingValue =>
  typeof value === 'string' ? originalText(value) : (value as ReadingValue);

/** The part of a range that holds times of points; undefined if there is none. */
export function cutRange<Range extends { start: number; end: number }>(
  range: Range,
): Range | undefined {
  const start = Math.max(range.start, earliestTime);
  const end = Math.min(range.end, latestTime + 1);
  return start < end ? { ...range, start, end } : undefined;
}

/** Start of the bucket a time lies in. */
export const bucketStart = ({ width, origin }: Segment, time: number): number =>
  origin + Math.floor((time - origin) / width) * width;

/** Whether the whole segment lies in one bucket. */
export const isOneBucket = (segment: Segment): boolean =>
  bucketStart(segment, segment.start) === bucketStart(segment, segment.end - 1);

/** A point of an answer, from the aggregate as the database has computed it. */
export function aggregatePoint(
  aggregation: Aggregation,
  timestamp: number,
  aggregate: unknown,
  count: number,
): Point {
  if (aggregation === 'count') return { timestamp, value: count, count };
  // Of a sample of one there is no deviation: databases say NaN or nothing.
  if (aggregation === 'stddev' && count < 2) return { timestamp, value: 0, count };
  const value = readValue(aggregate);
  return { timestamp, value: typeof value === 'number' ? finite(value) : value, count };
}
