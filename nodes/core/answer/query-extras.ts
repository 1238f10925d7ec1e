import { jsonSize, type JsonObject } from '../document.ts';
import { optionalBoolean } from '../params.ts';
import { earliestOf, requireInWindow } from '../security/scope-rules.ts';
import type { Principal } from '../security/types.ts';
import { parseInterval } from '../telemetry/interval.ts';
import type { SeriesInfo, StoreQuery } from '../telemetry/ports.ts';
import type { DataAnswer } from '../telemetry/query.ts';
import { cleanText } from '../text.ts';
import { budgetOf, type Budget, type Truncated } from './budget.ts';
import { readCompare } from './compare.ts';
import type { AnswerDeps } from './deps.ts';
import { evidenceOf } from './evidence.ts';
import { unusualText } from './history.ts';
import { comparedWith, unusualIn } from './insights.ts';
import { downsample } from './lttb.ts';
import { gridOfStored, readPast, seriesName } from './series.ts';
import { unitCode } from './units.ts';
import { cutText } from './wording.ts';

const names = ['evidence', 'max_bytes', 'detail', 'compare', 'unusual'] as const;
const mostIntervals = 5_000;
/** Series that are looked at more closely. */
const mostSeries = 24;

/** Where devices put words of their own in what is beside the readings. */
export const inExtras = [
  'evidence[].measurement_type',
  'evidence[].query.measurement_types',
  'compared[].measurement_type',
  'compared[].query.measurement_types',
  'unusual[].measurement_type',
];

/** The params of `data.query` that ask for more than the readings, and the rest; no extras: an answer as ever. */
export function splitExtras(params: JsonObject): { extras?: JsonObject; plain: JsonObject } {
  const plain = { ...params };
  const extras: JsonObject = {};
  for (const name of names) {
    if (plain[name] !== undefined && plain[name] !== null) extras[name] = plain[name];
    Reflect.deleteProperty(plain, name);
  }
  return Object.keys(extras).length > 0 ? { extras, plain } : { plain };
}

/**
 * The answer to `data.query` with what was asked for beside it, in the order of its series: `evidence`, `compared`,
 * `unusual`. With `max_bytes` fewer points, then fewer series, and `reduced` says so.
 * @throws RpcError -32602, -32005
 */
export async function withExtras(
  answer: DataAnswer,
  question: StoreQuery,
  extras: JsonObject,
  principal: Principal | undefined,
  deps: AnswerDeps,
): Promise<object> {
  const { store, storeName, devices, clock } = deps;
  const now = clock.now();
  const zone = question.time_zone ?? deps.zone;
  const budget = extras['max_bytes'] === undefined ? undefined : budgetOf(extras);
  budgetOf(extras);
  const wants = (name: 'evidence' | 'unusual'): boolean => optionalBoolean(extras, name) ?? false;
  const compare = readCompare(extras['compare'], question, { now, zone });
  if (compare?.kind === 'time') requireInWindow(principal?.scope, compare.start, now);
  if (!wants('evidence') && !wants('unusual') && !compare) return reduce(answer, {}, budget);

  const { start, end, aggregation, interval } = question;
  const newest = new Map(store.latest(question.device_ids).map((one) => [seriesName(one), one]));
  const series = answer.series
    .slice(0, mostSeries)
    .flatMap((one): SeriesInfo | [] => newest.get(seriesName(one)) ?? []);
  const grid = gridOf(interval, end - start) ?? (await gridOfStored(store, { series, start, end }));
  const past = await readPast(store, { series, start, end, zone, aggregation, grid });
  const asked = { series, start, end, zone, aggregation, grid };
  const [comparisons, findings] = await Promise.all([
    compare && comparedWith(past, asked, compare, principal, deps),
    wants('unusual')
      ? unusualIn(past, { ...asked, now, earliest: earliestOf(principal?.scope, now) }, store)
      : undefined,
  ]);
  const placed = past.map(({ info: { device_id, sensor_id, measurement_type, unit } }) => {
    const code = unitCode(unit);
    return {
      device_id,
      ...(sensor_id !== undefined && { sensor_id }),
      measurement_type,
      ...(code !== undefined && { unit_code: code }),
    };
  });
  const beside = {
    ...(wants('evidence') && {
      evidence: past.map((one, index) => ({
        ...placed[index],
        ...evidenceOf(one, { start, end, width: grid.width, now }, storeName).evidence,
      })),
    }),
    ...(comparisons && {
      compared: comparisons.flatMap((list, index) =>
        (list ?? []).map((one) => ({ ...placed[index], ...one })),
      ),
    }),
    ...(findings && {
      unusual: findings.flatMap((list, index) => list.map((one) => ({ ...placed[index], ...one }))),
      summary: cutText(
        unusualText(past, findings, ({ device_id: id }) => devices.resolve(id)?.device.name ?? id),
        300,
      ),
    }),
    understood: {
      time: { ...isoSpan({ start, end }), time_zone: zone },
      ...(compare?.kind === 'time' && { compare: { ...isoSpan(compare), said: compare.said } }),
    },
  };
  return reduce(answer, beside, budget);
}

const isoSpan = ({ start, end }: { start: number; end: number }) => ({
  start: new Date(start).toISOString(),
  end: new Date(end).toISOString(),
});

function gridOf(interval: string | undefined, duration: number) {
  if (interval === undefined || duration / parseInterval(interval) > mostIntervals)
    return undefined;
  return { interval, width: parseInterval(interval) };
}

type Series = DataAnswer['series'][number];

function reduce(
  answer: DataAnswer,
  beside: Record<string, unknown>,
  budget: Budget | undefined,
): object {
  if (!budget) return { ...answer, ...beside };
  const total = answer.series.reduce((sum, { points }) => sum + points.length, 0);
  const build = (series: Series[], extra: Record<string, unknown>): object => {
    const shown = series.reduce((sum, { points }) => sum + points.length, 0);
    const reduced: Truncated = { reason: 'max_bytes', shown, total };
    const isLess = shown < total || series.length < answer.series.length;
    return { ...answer, series, ...extra, ...(isLess && { reduced }) };
  };
  const fits = (candidate: object): boolean => jsonSize(candidate) <= budget.maxBytes - margin;
  let most = Math.max(0, ...answer.series.map(({ points }) => points.length));
  // No point takes fewer bytes than this.
  most = Math.min(most, Math.ceil(budget.maxBytes / 40));
  for (; most >= 3; most = Math.floor(most * 0.8)) {
    const candidate = build(
      answer.series.map((one) => thinned(one, most)),
      beside,
    );
    if (fits(candidate)) return candidate;
  }
  const bare = answer.series.map((one) => ({ ...one, points: one.points.slice(-1) }));
  let extra = beside;
  for (const name of ['', 'unusual', 'compared', 'evidence', 'summary'] as const) {
    extra = name === '' ? beside : { ...extra, [name]: undefined };
    for (let count = bare.length; ; count = Math.floor(count / 2)) {
      const series = bare.slice(0, count).map(cutTexts);
      const candidate = build(series, extra);
      if (fits(candidate)) return candidate;
      if (count === 0) break;
    }
  }
  return build([], { understood: beside['understood'] });
}

/** For the marks of what is not to be trusted, which come after. */
const margin = 400;

function thinned(series: Series, most: number): Series {
  const { points } = series;
  if (points.length <= most) return series;
  if (points.some(({ value }) => typeof value === 'string'))
    return { ...series, points: points.slice(-most) };
  const kept = downsample(
    points.map(({ timestamp }) => Date.parse(timestamp)),
    points.map(({ value }) => Number(value)),
    most,
  );
  return { ...series, points: kept.flatMap(({ index }) => points[index] ?? []) };
}

const cutTexts = (series: Series): Series => ({
  ...series,
  points: series.points.map((point) =>
    typeof point.value === 'string' ? { ...point, value: cleanText(point.value, 64) } : point,
  ),
});
