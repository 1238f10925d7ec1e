import type { BucketAt } from '../../../core/telemetry/interval.ts';
import type { PointPage, ReadingSink } from '../../../core/telemetry/point-page.ts';
import type { Aggregation } from '../../../core/telemetry/ports.ts';
import { createPartAggregator } from './part-aggregator.ts';
import type { RollupPart } from './rollup-reader.ts';

/** Takes the readings of one series in time order, and rollups in place of some, and puts points on a page. */
export interface RollupSink extends ReadingSink {
  /** False when the page is full and the part was not taken. */
  addPart(part: RollupPart): boolean;
}

/**
 * Every bucket with readings in it is a point; its timestamp is the start of the bucket.
 * @param start of the question: the next page starts with a bucket, so that it is made of the same parts
 */
export function createRollupSink(
  page: PointPage,
  aggregation: Aggregation,
  bucketAt: BucketAt,
  start: number,
): RollupSink {
  const aggregator = createPartAggregator(aggregation);
  const noBucket = { start: 0, end: -Infinity };
  let bucket = noBucket;
  let count = 0;

  const end = (): void => {
    if (count > 0) page.push(bucket.start, aggregator.take(count), count);
    bucket = noBucket;
    count = 0;
  };
  const enter = (timestamp: number): boolean => {
    if (timestamp < bucket.end) return true;
    end();
    const next = bucketAt(timestamp);
    if (!page.reserve(Math.max(next.start, start))) return false;
    bucket = next;
    return true;
  };
  return {
    add(timestamp, value) {
      if (!enter(timestamp)) return false;
      aggregator.add(value);
      count += 1;
      return true;
    },
    addPart(part) {
      if (!enter(part.start)) return false;
      aggregator.addPart(part);
      count += part.count;
      return true;
    },
    end,
  };
}
