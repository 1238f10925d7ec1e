import type { JsonObject } from '../document.ts';
import { jsonSize } from '../document.ts';
import { invalidParam, oneOf, optionalBoolean, optionalString } from '../params.ts';
import { earliestOf, requireInWindow } from '../security/scope-rules.ts';
import type { Principal } from '../security/types.ts';
import { parseInterval } from '../telemetry/interval.ts';
import { aggregations, type Aggregation, type LatestReading } from '../telemetry/ports.ts';
import { timeZone } from '../telemetry/time-zone.ts';
import { cleanText } from '../text.ts';
import { readTimeRange } from '../time-words/read-time.ts';
import { markUntrusted } from '../untrusted.ts';
import { budgetOf, fitBudget, type Budget, type Truncated } from './budget.ts';
import { readCompare, type Compared, type CompareWith } from './compare.ts';
import type { AnswerDeps } from './deps.ts';
import { evidenceOf, type Evidence } from './evidence.ts';
import { gridFor, type Grid } from './grid.ts';
import { comparedWith, unusualIn } from './insights.ts';
import { pointColumns, showPoints, type ShownPoint } from './points.ts';
import { gridOfStored, readPast, seriesName, type SeriesPast } from './series.ts';
import { rounded } from './statistics.ts';
import { chooseSeries } from './targets.ts';
import type { Finding } from './unusual.ts';
import { unitCode } from './units.ts';
import { cutText, plural, seriesText, valueText } from './wording.ts';

/** One series of `telemetry.history`. */
interface ShownSeries {
  device_id: string;
  sensor_id?: string;
  name?: string;
  measurement_type: string;
  unit?: string;
  unit_code?: string;
  /** The aggregate of all readings, and the least and the most of numbers. */
  stats: JsonObject;
  points: ShownPoint[];
  /** How many intervals with readings there are, where `points` are fewer. */
  points_of?: number;
  evidence: Evidence;
  compared?: Compared[];
  unusual?: Finding[];
}

const untrusted = [
  'understood.measurement',
  ...[
    'name',
    'measurement_type',
    'unit',
    'stats.first',
    'stats.last',
    'points[][]',
    'evidence.query.measurement_types',
    'compared[].query.measurement_types',
  ].map((field) => `series[].${field}`),
];
/** Series that one answer looks at. */
const mostSeries = 24;
const mostIntervals = 5_000;
const points = { concise: 48, full: 400 };
const longestSummary = 300;
const usualTime = 'last 24h';

/** `telemetry.history`: what devices measured in a span of time, within a budget and with what it rests on. */
export async function readHistory(
  params: JsonObject,
  principal: Principal | undefined,
  deps: AnswerDeps,
): Promise<object> {
  const { store, storeName, clock } = deps;
  const budget = budgetOf(params);
  const now = clock.now();
  const zone = optionalString(params, 'time_zone') ?? deps.zone;
  timeZone(zone);
  const time = params['time'] ?? usualTime;
  const range = readTimeRange(time, { now, zone, field: 'time' });
  requireInWindow(principal?.scope, range.start, now);
  const aggregation = readAggregation(params);
  const asked = readGrid(params, range.end - range.start);
  const compare = readCompare(params['compare'], range, { now, zone });
  if (compare?.kind === 'time') requireInWindow(principal?.scope, compare.start, now);
  const wantsUnusual = optionalBoolean(params, 'unusual') ?? false;
  const { series, named, measurement } = chooseSeries(params, principal, deps, {
    needsDevice: true,
  });

  const after = optionalString(params, 'cursor');
  const rest = after === undefined ? series : series.filter((one) => seriesName(one) > after);
  const chosen = rest.slice(0, mostSeries);
  const grid = asked ?? (await gridOfStored(store, { series: chosen, ...range }));
  const question = { series: chosen, ...range, zone, aggregation, grid };
  const past = await readPast(store, question);
  const [comparisons, findings] = await Promise.all([
    compare ? comparedWith(past, question, compare, principal, deps) : undefined,
    wantsUnusual
      ? unusualIn(past, { ...question, now, earliest: earliestOf(principal?.scope, now) }, store)
      : undefined,
  ]);

  const shown = past.map((one, index) => {
    const { evidence } = evidenceOf(one, { ...range, width: grid.width, now }, storeName);
    const { device_id, sensor_id, measurement_type, unit } = one.info;
    const name = deps.devices.resolve(device_id)?.device.name;
    const code = unitCode(unit);
    const compared = comparisons?.[index];
    const unusual = findings?.[index];
    return (most: number): ShownSeries => {
      const chart = showPoints(one.rows, most);
      return {
        device_id,
        ...(sensor_id !== undefined && { sensor_id }),
        ...(name !== undefined && { name: cleanText(name, 64) }),
        measurement_type,
        ...(unit !== undefined && { unit }),
        ...(code !== undefined && { unit_code: code }),
        stats: statsOf(one),
        points: chart,
        ...(chart.length < one.rows.length && { points_of: one.rows.length }),
        evidence,
        ...(compared && { compared }),
        ...(unusual && { unusual }),
      };
    };
  });
  const summary = cutText(summaryOf(past, comparisons, findings, deps, compare), longestSummary);
  const understood = {
    time: range.understood,
    devices: named.slice(0, 5).map(({ device_id, sensor_id }) => sensor_id ?? device_id),
    ...(measurement !== undefined && { measurement: cutText(measurement, 80) }),
    interval: grid.interval,
    ...(compare?.kind === 'time' && { compare: isoSpan(compare) }),
  };
  return fit(shown, budget, {
    total: rest.length,
    cursorOf: (index) => {
      const last = chosen[index];
      return last ? seriesName(last) : after;
    },
    answer: (list, truncated) =>
      markUntrusted(
        {
          summary,
          understood,
          columns: pointColumns,
          series: list,
          ...(truncated && { truncated }),
        },
        untrusted,
      ),
  });
}

const isoSpan = ({ start, end }: { start: number; end: number }) => ({
  start: new Date(start).toISOString(),
  end: new Date(end).toISOString(),
});

/** Fewer points first, then fewer series. */
function fit(
  shown: readonly ((most: number) => ShownSeries)[],
  { maxBytes, detail }: Budget,
  list: {
    total: number;
    cursorOf: (index: number) => string | undefined;
    answer: (series: ShownSeries[], truncated: Truncated | undefined) => object;
  },
): object {
  const { total, cursorOf, answer } = list;
  const build = (most: number): ShownSeries[] => shown.map((show) => show(most));
  let most = points[detail];
  // A short one needs not try more than it can hold.
  most = Math.max(4, Math.min(most, Math.floor(maxBytes / 40 / Math.max(1, shown.length))));
  let items = build(most);
  while (most > 0 && jsonSize(items) > maxBytes - 1_000) {
    most = most <= 4 ? 0 : Math.floor(most * 0.7);
    items = build(most);
  }
  return fitBudget({
    items,
    total,
    maxBytes,
    cursorOf: (_last, index) => cursorOf(index),
    answer,
  });
}

function readAggregation(params: JsonObject): Aggregation | undefined {
  const value = optionalString(params, 'aggregation');
  if (value === undefined) return undefined;
  const found = aggregations.find((word) => word === value);
  if (found) return found;
  throw invalidParam(
    'aggregation',
    `aggregation must be one of ${aggregations.join(', ')}`,
    oneOf('aggregation', value, [...aggregations]),
  );
}

/** The intervals that were asked for, if any were. */
function readGrid(params: JsonObject, duration: number): Grid | undefined {
  const interval = optionalString(params, 'interval');
  if (interval === undefined) return undefined;
  const width = parseInterval(interval);
  if (duration / width <= mostIntervals) return { interval, width };
  throw invalidParam(
    'interval',
    `the time holds more than ${mostIntervals} intervals of ${interval}`,
    { max_intervals: mostIntervals, fix: { set: { interval: gridFor(duration).interval } } },
  );
}

/** Not rounded: a claim about these can be checked by the query. */
function statsOf({ aggregation, value, rows, count }: SeriesPast): JsonObject {
  const lows = rows.flatMap(({ min }) => min ?? []);
  return {
    count,
    ...(value !== undefined && {
      [aggregation]: typeof value === 'string' ? cleanText(value, 160) : value,
    }),
    ...(lows.length > 0 && {
      min: lows.reduce((least, one) => Math.min(least, one)),
      max: rows.reduce((most, { max }) => Math.max(most, max ?? most), -Infinity),
    }),
  };
}

function summaryOf(
  past: readonly SeriesPast[],
  comparisons: readonly (Compared[] | undefined)[] | undefined,
  findings: readonly (Finding[] | undefined)[] | undefined,
  { devices }: Pick<AnswerDeps, 'devices'>,
  compare: CompareWith | undefined,
): string {
  const filled = past.filter(({ count }) => count > 0);
  const [first] = filled;
  if (!first) return 'There is no reading of this in that time.';
  const nameOf = ({ device_id: id }: Pick<LatestReading, 'device_id'>): string =>
    devices.resolve(id)?.device.name ?? id;
  const { info, aggregation, value, count } = first;
  const texts = [
    filled.length === 1
      ? `${seriesText(nameOf(info), info)}: ${aggregation} ${valueText(value, info.unit)} of ${plural(count, 'reading')}.`
      : `${plural(filled.length, 'series', 'series')} with ${plural(
          filled.reduce((sum, one) => sum + one.count, 0),
          'reading',
        )}.`,
  ];
  const compared = comparisons?.[past.indexOf(first)]?.[0];
  if (compare && filled.length === 1)
    texts.push(
      compared?.delta === undefined
        ? 'There is nothing to compare it with.'
        : `That is ${valueText(Math.abs(compared.delta), info.unit)} ${compared.delta < 0 ? 'less' : 'more'} than ${valueText(compared.value, info.unit)}` +
            `${compared.percent === undefined ? '' : ` (${rounded(Math.round(compared.percent * 10) / 10)}%)`}.`,
    );
  if (findings) texts.push(unusualText(past, findings, nameOf));
  return texts.join(' ');
}

/** What is unusual, in one plain sentence. */
export function unusualText(
  past: readonly SeriesPast[],
  findings: readonly (Finding[] | undefined)[],
  nameOf: (info: Pick<LatestReading, 'device_id'>) => string,
): string {
  const all = past.flatMap(({ info }, index) =>
    (findings[index] ?? []).map((finding) => ({ info, finding })),
  );
  const [worst] = all.toSorted((a, b) => (b.finding.score ?? 0) - (a.finding.score ?? 0));
  if (!worst) return 'Nothing about it is unusual.';
  const { info, finding } = worst;
  const { kind, start, end, value, usual } = finding;
  const when = `from ${start.slice(0, 16)}Z to ${end.slice(0, 16)}Z`;
  const what = {
    high: `was higher than usual ${when}: ${valueText(value, info.unit)}, usually ${valueText(usual, info.unit)}`,
    low: `was lower than usual ${when}: ${valueText(value, info.unit)}, usually ${valueText(usual, info.unit)}`,
    flat: `stayed at exactly ${valueText(value, info.unit)} ${when}`,
    gap: `has no readings ${when}`,
  }[kind];
  const more = all.length > 1 ? ` (and ${plural(all.length - 1, 'more finding')})` : '';
  return `Unusual: ${seriesText(nameOf(info), info)} ${what}${more}.`;
}
