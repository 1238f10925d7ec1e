import { finite } from '../../../core/telemetry/aggregate.ts';
import { parseInterval } from '../../../core/telemetry/interval.ts';
import { createPointPage, type PointPage } from '../../../core/telemetry/point-page.ts';
import type { Aggregation, Point, SeriesInfo } from '../../../core/telemetry/ports.ts';
import type { RemoteDatabase } from '../../../core/telemetry/remote.ts';
import { createSegments, type SegmentFrom } from '../../../core/telemetry/segments.ts';
import { seriesInfo } from '../series-index.ts';
import type { GatheredPoints, SeriesQuestion } from '../series-queries.ts';

/** Gathers the points of a page from the database, series by series. */
export async function gatherPoints(
  remote: RemoteDatabase,
  question: SeriesQuestion,
): Promise<GatheredPoints> {
  const { series, start, end, resumeAt, aggregation, limit } = question;
  const page = createPointPage(limit);
  const segmentFrom = segmentsOf(question);
  for (const [position, one] of series.entries()) {
    page.begin(position);
    const range = { start: position === 0 ? (resumeAt ?? start) : start, end };
    const info = seriesInfo(one);
    if (aggregation) await fillBuckets(remote, page, info, aggregation, segmentFrom, range);
    else await fillReadings(remote, page, info, range);
    if (page.next()) break;
  }
  const next = page.next();
  return { series: page.series(), ...(next && { next }) };
}

function segmentsOf({ start, end, interval, timeZone }: SeriesQuestion): SegmentFrom {
  if (interval !== undefined) return createSegments(parseInterval(interval), timeZone);
  const whole = { width: end - start, origin: start };
  return (from, to) => ({ start: from, end: to, ...whole });
}

async function fillReadings(
  remote: RemoteDatabase,
  page: PointPage,
  series: SeriesInfo,
  range: { start: number; end: number },
): Promise<void> {
  const points = await remote.readings(series, { ...range, limit: page.room() + 1 });
  put(page, points, range.start);
}

async function fillBuckets(
  remote: RemoteDatabase,
  page: PointPage,
  series: SeriesInfo,
  aggregation: Aggregation,
  segmentFrom: SegmentFrom,
  { start, end }: { start: number; end: number },
): Promise<void> {
  for (let from = start; from < end;) {
    const segment = segmentFrom(from, end);
    const limit = page.room() + 1;
    const points = await remote.aggregate(series, aggregation, { ...segment, limit });
    put(page, points, segment.start);
    if (page.next()) return;
    from = segment.end;
    if (points.length > 0 || from >= end) continue;
    // Nothing here: the next segments may hold nothing either, for a thousand years.
    const [next] = await remote.readings(series, { start: from, end, limit: 1 });
    if (!next) return;
    from = next.timestamp;
  }
}

function put(page: PointPage, points: readonly Point[], from: number): void {
  for (const { timestamp, value, count } of points) {
    if (!page.reserve(Math.max(timestamp, from))) return;
    page.push(timestamp, typeof value === 'number' ? finite(value) : value, count);
  }
}
