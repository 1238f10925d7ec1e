import type { Point, SeriesInfo } from '../../../core/telemetry/ports.ts';
import type { RemoteDatabase } from '../../../core/telemetry/remote.ts';
import type { ReadingValue } from '../../../core/telemetry/types.ts';
import { unpackValue } from '../packing.ts';
import { aggregates, type Aggregate, type BucketRow } from './aggregates.ts';
import type { Connections } from './connections.ts';
import { sqlState, sqlStateOf } from './errors.ts';
import { schema } from './layout.ts';
import { decodeText, encodeText } from './text.ts';

/** `$1` to `$3` name the series, `$4` and `$5` are the range, `$6` is how many rows at most. */
const ofSeries = `FROM ${schema}.readings WHERE series = (
  SELECT id FROM ${schema}.series
  WHERE device_id = $1 AND sensor_id = $2 AND measurement_type = $3 AND NOT removed)`;
const inRange = `${ofSeries} AND timestamp >= $4 AND timestamp < $5`;
/** `$7` is the start of one of the buckets, `$8` the width of all. */
const bucket = 'timestamp - ((timestamp - $7::bigint) % $8::bigint + $8::bigint) % $8::bigint';
const bucketsOf = (columns: string): string =>
  `SELECT ${bucket} AS bucket, count(*) AS count, ${columns} ${inRange}
   GROUP BY bucket ORDER BY bucket LIMIT $6`;

type Values = readonly (string | number)[];

/** Where buckets are rare, the part of the range that is asked for at once grows by this. */
const windowGrowth = 4;

export function createQueries({
  query,
}: Connections): Pick<RemoteDatabase, 'readings' | 'aggregate'> {
  const numbers = async (aggregate: Aggregate, values: Values): Promise<Point[]> => {
    const { columns, valueOf, isExact = () => true } = aggregate;
    const inDouble = query<BucketRow>(bucketsOf(columns('number')), values);
    const rows = await inDouble.catch((error: unknown) => {
      if (sqlStateOf(error) !== sqlState.numericValueOutOfRange) throw error;
      return undefined;
    });
    const exact = rows?.every(isExact)
      ? rows
      : await query<BucketRow>(bucketsOf(columns('number::text::numeric')), values);
    return exact.map((row) => ({
      ...{ timestamp: row.bucket, value: valueOf(row), count: row.count },
    }));
  };
  const readingsAt = async (edge: string, series: SeriesInfo, values: Values): Promise<Point[]> => {
    const rows = await query<BucketRow & ReadingRow>(
      `SELECT bucket, count, (SELECT ${columnOf(series)} ${ofSeries} AND timestamp = edge) AS reading
       FROM (${bucketsOf(`${edge} AS edge`)}) AS buckets ORDER BY bucket`,
      values,
    );
    return rows.map((row) => ({
      ...{ timestamp: row.bucket, value: readingOf(series, row), count: row.count },
    }));
  };

  return {
    async readings(series, { start, end, limit }) {
      const rows = await query<ReadingRow>(
        `SELECT timestamp, ${columnOf(series)} AS reading ${inRange} ORDER BY timestamp LIMIT $6`,
        [...namesOf(series), start, end, limit],
      );
      return rows.map((row) => ({
        ...{ timestamp: row.timestamp, value: readingOf(series, row), count: 1 },
      }));
    },
    async aggregate(series, aggregation, { start, end, width, origin, limit }) {
      let points: Point[] = [];
      let span = limit * width;
      for (let from = start; from < end && points.length < limit; span *= windowGrowth) {
        // Whole buckets, of which there may be as many readings as there are milliseconds.
        const to = Math.min(end, from - modulo(from - origin, width) + span);
        const values = [...namesOf(series), from, to, limit - points.length, origin, width];
        const found = await (aggregation === 'first'
          ? readingsAt('min(timestamp)', series, values)
          : aggregation === 'last'
            ? readingsAt('max(timestamp)', series, values)
            : numbers(aggregates[aggregation], values));
        points = points.concat(found);
        from = to;
      }
      return points;
    },
  };
}

interface ReadingRow {
  timestamp: number;
  reading: number | string | null;
}

const namesOf = ({ device_id, sensor_id = '', measurement_type }: SeriesInfo): string[] =>
  [device_id, sensor_id, measurement_type].map(encodeText);

const columnOf = ({ value_type }: SeriesInfo): string =>
  value_type === 'string' ? 'text' : 'number';

const readingOf = ({ value_type }: SeriesInfo, { reading }: ReadingRow): ReadingValue =>
  typeof reading === 'string'
    ? decodeText(reading)
    : unpackValue(value_type, reading ?? 0, undefined);

/** Not negative, unlike what `%` gives. */
const modulo = (value: number, divisor: number): number => ((value % divisor) + divisor) % divisor;
