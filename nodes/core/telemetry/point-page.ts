import { createAggregator } from './aggregate.ts';
import type { BucketAt } from './interval.ts';
import type { Aggregation, Point } from './ports.ts';
import type { ReadingValue } from './types.ts';

/** Where the next page of an answer starts: the position of a series among those asked for, and a time in it. */
export interface PagePosition {
  series: number;
  timestamp: number;
}

/** The points of one page, gathered series by series in time order. */
export interface PointPage {
  /** The points of one series come next. */
  begin(series: number): void;
  /** How many more points fit. */
  room(): number;
  /** Asks for room for a point made of readings from `timestamp` on; false when the page is full. */
  reserve(timestamp: number): boolean;
  /** Puts in the point that room was given for. */
  push(timestamp: number, value: ReadingValue, count: number): void;
  /** The gathered points; series without any are left out. */
  series(): { series: number; points: Point[] }[];
  /** Set once a point did not find room. */
  next(): PagePosition | undefined;
}

export function createPointPage(limit: number): PointPage {
  const gathered: { series: number; points: Point[] }[] = [];
  let current: Point[] | undefined;
  let position = 0;
  let left = limit;
  let next: PagePosition | undefined;

  return {
    begin(series) {
      position = series;
      current = undefined;
    },
    room: () => left,
    reserve(timestamp) {
      if (left === 0) {
        next ??= { series: position, timestamp };
        return false;
      }
      left -= 1;
      return true;
    },
    push(timestamp, value, count) {
      if (!current) {
        current = [];
        gathered.push({ series: position, points: current });
      }
      current.push({ timestamp, value, count });
    },
    series: () => gathered,
    next: () => next,
  };
}

/** Takes the readings of one series in time order and puts points on a page. */
export interface ReadingSink {
  /** False when the page is full and the reading was not taken. */
  add(timestamp: number, value: ReadingValue): boolean;
  /** The series is at its end. */
  end(): void;
}

/** Every reading is a point. */
export function createRawSink(page: PointPage): ReadingSink {
  return {
    add(timestamp, value) {
      if (!page.reserve(timestamp)) return false;
      page.push(timestamp, value, 1);
      return true;
    },
    end() {
      // Nothing is held back between readings.
    },
  };
}

/** Every bucket with readings in it is a point; its timestamp is the start of the bucket. */
export function createAggregateSink(
  page: PointPage,
  aggregation: Aggregation,
  bucketAt: BucketAt,
): ReadingSink {
  const aggregator = createAggregator(aggregation);
  let bucket = { start: 0, end: -Infinity };
  let count = 0;

  const end = (): void => {
    if (count > 0) page.push(bucket.start, aggregator.take(), count);
    bucket = { start: 0, end: -Infinity };
    count = 0;
  };
  return {
    add(timestamp, value) {
      if (timestamp >= bucket.end) {
        end();
        if (!page.reserve(timestamp)) return false;
        bucket = bucketAt(timestamp);
      }
      aggregator.add(value);
      count += 1;
      return true;
    },
    end,
  };
}
