import type { ExpiryTimes } from '../../../core/telemetry/ports.ts';
import { expiryOf } from '../../../core/telemetry/retention.ts';
import type { Series, SeriesIndex } from '../series-index.ts';
import type { OpenTelemetry } from './telemetry-threads.ts';

/** Series whose old readings are deleted together. */
const seriesAtOnce = 1_000;

/** Does work on the open file while no commit is under way. */
export type BetweenCommits = (work: (opened: OpenTelemetry) => Promise<void>) => Promise<void>;

/** Forgets what is too old, in parts, so that commits go on in between. */
export async function expireReadings(
  times: ExpiryTimes,
  index: SeriesIndex,
  betweenCommits: BetweenCommits,
): Promise<void> {
  const series = [...index.all()].flatMap((one): [Series, number][] => {
    const before = expiryOf(times, one.measurement_type);
    return before === undefined ? [] : [[one, before]];
  });
  for (let first = 0; first < series.length; first += seriesAtOnce) {
    const group = series.slice(first, first + seriesAtOnce);
    let isMore = true;
    while (isMore)
      await betweenCommits(async (opened) => {
        isMore = await expirePart(opened, group);
      });
  }
}

export async function removeSeries(
  { index, writer }: OpenTelemetry,
  series: readonly Series[],
): Promise<void> {
  if (series.length === 0) return;
  await writer.call(
    'remove',
    series.map(({ id }) => id),
  );
  for (const one of series) index.delete(one);
}

/** Gives whether there is more; a series that has no other readings goes with its last part. */
async function expirePart(
  opened: OpenTelemetry,
  group: readonly [Series, number][],
): Promise<boolean> {
  const { index, writer } = opened;
  const there = group.filter(([one]) => index.has(one));
  const expiries = there.map(([{ id }, before]) => ({ series: id, before }));
  if (await writer.call('expire', expiries)) return true;
  const empty = there.filter(([{ latest }, before]) => !latest || latest.timestamp < before);
  await removeSeries(
    opened,
    empty.map(([one]) => one),
  );
  return false;
}
