import type { Principal } from '../security/types.ts';
import type { TelemetryStore } from '../telemetry/ports.ts';
import { compareSeries, type Compared, type CompareWith } from './compare.ts';
import type { AnswerDeps } from './deps.ts';
import { findGaps } from './gaps.ts';
import { readPast, seriesName, seriesOf, type PastQuestion, type SeriesPast } from './series.ts';
import { findUnusual, type Finding } from './unusual.ts';

const day = 86_400_000;
/** Days before a span that tell what is usual in it. */
const daysBefore = 14;
/** Longest span that is looked at hour by hour. */
const longest = 400 * day;

/** For each series, what it is compared with; undefined for a text. */
export async function comparedWith(
  past: readonly SeriesPast[],
  question: PastQuestion,
  compare: CompareWith,
  principal: Principal | undefined,
  deps: Pick<AnswerDeps, 'store' | 'devices' | 'resolve'>,
): Promise<(Compared[] | undefined)[]> {
  const { store, resolve, devices } = deps;
  const { zone, grid, start, end } = question;
  const options = { zone, width: grid.width };
  const numeric = past.filter(({ info }) => info.value_type !== 'string');
  if (compare.kind === 'time') {
    const others = await readPast(store, {
      ...question,
      series: numeric.map(({ info }) => info),
      start: compare.start,
      end: compare.end,
    });
    const byName = new Map(others.map((other) => [seriesName(other.info), other]));
    return past.map((one) => {
      const other = byName.get(seriesName(one.info));
      return (
        other && [compareSeries({ past: one, start }, { past: other, ...spanOf(compare) }, options)]
      );
    });
  }
  const named = compare.devices.map((phrase, index) =>
    resolve(phrase, principal, `compare[${index}]`),
  );
  const ids = named.map(({ device_id, sensor_id }) => sensor_id ?? device_id);
  const types = new Set(numeric.map(({ info }) => info.measurement_type));
  const others = await readPast(store, {
    ...question,
    series: seriesOf(
      store,
      ids.filter((id) => devices.canSee(principal, id)),
    ).filter(
      ({ measurement_type: type, value_type }) => value_type !== 'string' && types.has(type),
    ),
  });
  return past.map((one) => {
    const beside = others.filter(
      ({ info }) =>
        info.measurement_type === one.info.measurement_type &&
        seriesName(info) !== seriesName(one.info),
    );
    if (!numeric.includes(one)) return undefined;
    return beside.map((other) =>
      compareSeries({ past: one, start }, { past: other, start, end }, options),
    );
  });
}

const spanOf = ({ start, end }: { start: number; end: number }) => ({ start, end });

/** For each series, what is unusual about it. @param question.earliest nobody may read of what was before it */
export async function unusualIn(
  past: readonly SeriesPast[],
  question: PastQuestion & { now: number; earliest: number },
  store: Pick<TelemetryStore, 'query'>,
): Promise<Finding[][]> {
  const { start, end, now, earliest, zone, grid } = question;
  const numeric = past.filter(({ info }) => info.value_type === 'number');
  const from = Math.max(start - daysBefore * day, earliest);
  const hours =
    end - from > longest
      ? []
      : await readPast(store, {
          series: numeric.map(({ info }) => info),
          start: Math.min(from, start),
          end,
          zone,
          grid: { interval: '1h', width: 3_600_000 },
        });
  const byName = new Map(hours.map((one) => [seriesName(one.info), one.rows]));
  return past.map(({ info, rows }) =>
    findUnusual({
      hours: byName.get(seriesName(info)) ?? [],
      rows,
      width: grid.width,
      gaps: findGaps(rows, { start, end: Math.min(end, Math.max(now, start)), width: grid.width })
        .spans,
      ...{ start, end, zone },
      moves: info.value_type === 'number',
    }),
  );
}
