import type {
  Aggregation,
  LatestReading,
  SeriesInfo,
  SeriesKey,
  StoreAnswer,
  StoreQuery,
  TelemetryStore,
} from '../telemetry/ports.ts';
import type { ReadingValue } from '../telemetry/types.ts';
import { gridFor, gridForMany, type Grid } from './grid.ts';

/** One interval with readings in it. */
export interface Row {
  /** Its start, milliseconds since the epoch. */
  at: number;
  /** The aggregate that was asked for. */
  value: ReadingValue;
  /** Not of texts. */
  min?: number;
  max?: number;
  /** Readings. */
  count: number;
}

/** What one series did in a span of time, from aggregates of the store. */
export interface SeriesPast {
  info: SeriesInfo;
  aggregation: Aggregation;
  /** Of all readings of the span; absent if there are none. */
  value?: ReadingValue;
  rows: Row[];
  count: number;
}

export interface PastQuestion {
  series: readonly SeriesInfo[];
  /** Milliseconds since the epoch. */
  start: number;
  end: number;
  zone: string;
  /** Unless told, the average of numbers and the last of texts. */
  aggregation?: Aggregation | undefined;
  grid: Grid;
}

const mostPoints = 100_000;
const ofText: readonly Aggregation[] = ['count', 'first', 'last'];

export const seriesName = ({ device_id, sensor_id, measurement_type }: SeriesKey): string =>
  JSON.stringify([device_id, sensor_id ?? '', measurement_type]);

/** The id a series is asked for by. */
export const ownerOf = ({ device_id, sensor_id }: SeriesKey): string => sensor_id ?? device_id;

/** The series of devices and sensors, with their newest readings, in a fixed order. */
export function seriesOf(
  store: Pick<TelemetryStore, 'latest'>,
  ids: readonly string[],
): LatestReading[] {
  return store.latest(ids).toSorted((a, b) => (seriesName(a) < seriesName(b) ? -1 : 1));
}

/** The intervals to look at a span in, by its length and by how many readings it has. */
export async function gridOfStored(
  store: Pick<TelemetryStore, 'query'>,
  { series, start, end }: Pick<PastQuestion, 'series' | 'start' | 'end'>,
): Promise<Grid> {
  if (series.length === 0) return gridFor(end - start);
  const counted = await store.query({
    ...asked(series, start, end),
    aggregation: 'count',
    limit: mostPoints,
  });
  const most = counted.series.reduce((sum, { points }) => Math.max(sum, points[0]?.count ?? 0), 0);
  return gridForMany(end - start, most);
}

/** Reads what some series did, in three or four questions to the store, however many readings there are. */
export async function readPast(
  store: Pick<TelemetryStore, 'query'>,
  question: PastQuestion,
): Promise<SeriesPast[]> {
  const { series } = question;
  const texts = series.filter(({ value_type: type }) => type === 'string');
  const numbers = series.filter(({ value_type: type }) => type !== 'string');
  const read = new Map<string, SeriesPast>();
  const { aggregation: wanted } = question;
  await Promise.all([
    readGroup(store, question, numbers, wanted ?? 'avg', true, read),
    readGroup(
      store,
      question,
      texts,
      wanted && ofText.includes(wanted) ? wanted : 'last',
      false,
      read,
    ),
  ]);
  return series.flatMap((one) => read.get(seriesName(one)) ?? []);
}

async function readGroup(
  store: Pick<TelemetryStore, 'query'>,
  { start, end, zone, grid }: PastQuestion,
  series: readonly SeriesInfo[],
  aggregation: Aggregation,
  numeric: boolean,
  into: Map<string, SeriesPast>,
): Promise<void> {
  if (series.length === 0) return;
  const query = (of: Aggregation, interval?: string): Promise<StoreAnswer> =>
    store.query({
      ...asked(series, start, end),
      aggregation: of,
      ...(interval !== undefined && { interval, time_zone: zone }),
      limit: mostPoints,
    });
  const [whole, values, least, most] = await Promise.all([
    query(aggregation),
    query(aggregation, grid.interval),
    numeric ? query('min', grid.interval) : undefined,
    numeric ? query('max', grid.interval) : undefined,
  ]);
  for (const info of series) into.set(seriesName(info), { info, aggregation, rows: [], count: 0 });
  for (const one of whole.series) {
    const past = into.get(seriesName(one));
    const [point] = one.points;
    if (past && point) Object.assign(past, { value: point.value, count: point.count });
  }
  const [min, max] = [least, most].map((answer) => byName(answer));
  for (const one of values.series) {
    const name = seriesName(one);
    const past = into.get(name);
    if (!past) continue;
    const [lows, highs] = [min?.get(name), max?.get(name)];
    past.rows = one.points.map(({ timestamp, value, count }, index) => ({
      at: timestamp,
      value,
      ...(numeric && {
        min: Number(lows?.[index]?.value ?? value),
        max: Number(highs?.[index]?.value ?? value),
      }),
      count,
    }));
  }
}

const byName = (answer: StoreAnswer | undefined) =>
  new Map(answer?.series.map((one) => [seriesName(one), one.points]));

/** The devices, types and span of a question about some series. */
export const asked = (
  series: readonly SeriesKey[],
  start: number,
  end: number,
): Pick<StoreQuery, 'device_ids' | 'measurement_types' | 'start' | 'end'> => ({
  device_ids: [...new Set(series.map(ownerOf))],
  measurement_types: [...new Set(series.map(({ measurement_type: type }) => type))],
  start,
  end,
});

/** Numbers of the rows: booleans are 0 and 1. */
export const numberRows = (rows: readonly Row[]): { at: number; value: number }[] =>
  rows.flatMap(({ at, value }) => (typeof value === 'string' ? [] : { at, value: Number(value) }));
