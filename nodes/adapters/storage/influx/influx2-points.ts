import type { Row } from '@influxdata/influxdb-client';
import type { Aggregation, Point } from '../../../core/telemetry/ports.ts';
import type { Segment } from '../../../core/telemetry/remote.ts';
import { readCell } from './influx2-rows.ts';
import { aggregatePoint, bucketStart, readValue } from './points.ts';

/** The points of the answer to `readings` of influx2-queries.ts. */
export async function gatherReadings(rows: AsyncIterable<Row>, limit: number): Promise<Point[]> {
  const points: Point[] = [];
  for await (const row of rows) {
    const value = readValue(readCell(row, '_value'));
    points.push({ timestamp: Number(readCell(row, '_time')), value, count: 1 });
    if (points.length === limit) break;
  }
  return points;
}

/** The points of the answer to `aggregate` of influx2-queries.ts. */
export async function gatherAggregates(
  rows: AsyncIterable<Row>,
  aggregation: Aggregation,
  segment: Segment & { limit: number },
): Promise<Point[]> {
  const values = new Map<number, unknown>();
  const counts = new Map<number, number>();
  for await (const row of rows) {
    const time = readCell(row, '_time') ?? segment.start;
    const bucket = bucketStart(segment, Number(time));
    const value = readCell(row, '_value');
    if (readCell(row, 'result') === 'value') values.set(bucket, value);
    else counts.set(bucket, Number(value));
    if (values.size + counts.size > 2 * segment.limit) break;
  }
  // A bucket that has a count only is younger than the values of this answer.
  return [...counts]
    .filter(([bucket, count]) => count > 0 && (aggregation === 'count' || values.has(bucket)))
    .map(([bucket, count]) => aggregatePoint(aggregation, bucket, values.get(bucket), count));
}
