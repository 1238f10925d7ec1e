import type { RemoteSeries } from '../../../core/telemetry/remote.ts';
import { qualities, type Quality } from '../../../core/telemetry/types.ts';
import { originalTag, originalText } from './influx-text.ts';
import { mostRows, type Influx1Client, type ResultTable } from './influx1-client.ts';
import { isInRange, tagIs, theReadings } from './influxql.ts';
import { cutRange, earliestTime, latestTime, readValue } from './points.ts';

/** With more devices in a question, every one of them takes the server longer. */
const devicesPerQuestion = 100;
const questionsAtOnce = 2;
const day = 86_400_000;
/**
 * How long ago newest readings are looked for, in steps. A question costs the server time for every shard of a week its
 * range touches and every series it asks for, so what is alive is best found in the last day.
 */
const lookBack = [day, 7 * day, 35 * day, 400 * day, Infinity];

type Tags = Readonly<Record<string, string>>;
/** Series without a newest reading yet, by the stored name of their device. */
type Missing = Map<string, Set<string>>;

/**
 * Finds all series with their newest readings; the unit is that of the newest reading.
 * @param hasKeys whether the server lists the keys of series, as InfluxDB 3 does not
 */
export async function listSeries(client: Influx1Client, hasKeys: boolean): Promise<RemoteSeries[]> {
  const devices = await devicesOf(client, hasKeys);
  const found: RemoteSeries[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < devices.length) {
      const some = devices.slice(next, (next += devicesPerQuestion));
      const missing = hasKeys ? await seriesOf(client, some) : undefined;
      found.push(...(await newestOf(client, some, missing)));
    }
  };
  await Promise.all(Array.from({ length: questionsAtOnce }, work));
  return found;
}

async function devicesOf(client: Influx1Client, hasKeys: boolean): Promise<string[]> {
  // InfluxDB 3 looks back a day unless it is told how far.
  const range = hasKeys ? '' : ` WHERE ${isInRange({ start: earliestTime, end: latestTime + 1 })}`;
  const rows = await allRows(
    client,
    `SHOW TAG VALUES ${theReadings} WITH KEY = "device_id"${range}`,
  );
  return rows.map(([_key, value]) => originalTag(value as string));
}

/** Which series devices have. */
async function seriesOf(client: Influx1Client, devices: readonly string[]): Promise<Missing> {
  const missing: Missing = new Map();
  for (const [key] of await allRows(client, `SHOW SERIES ${theReadings} WHERE ${areOf(devices)}`)) {
    const tags = tagsOf(key as string);
    const { device_id = '' } = tags;
    missing.set(device_id, (missing.get(device_id) ?? new Set()).add(keyOf(tags)));
  }
  return missing;
}

/** Takes a series off the list; whether it was on it. */
function take(missing: Missing, tags: Tags): boolean {
  const { device_id = '' } = tags;
  const keys = missing.get(device_id);
  const was = keys?.delete(keyOf(tags)) ?? false;
  if (keys?.size === 0) missing.delete(device_id);
  return was;
}

async function allRows(client: Influx1Client, statement: string): Promise<(readonly unknown[])[]> {
  const rows: (readonly unknown[])[] = [];
  for (;;) {
    const [table] = await client.query(`${statement} LIMIT ${mostRows} OFFSET ${rows.length}`);
    const page = table?.rows ?? [];
    rows.push(...page);
    if (page.length < mostRows) return rows;
  }
}

/** The newest readings of devices, with their series; without `missing` it is not known when all are found. */
async function newestOf(
  client: Influx1Client,
  devices: readonly string[],
  missing: Missing | undefined,
): Promise<RemoteSeries[]> {
  const found: RemoteSeries[] = [];
  const now = Date.now();
  let end = Infinity;
  for (const ago of missing ? lookBack : [Infinity]) {
    const wanted = missing ? [...missing.keys()].map(originalTag) : devices;
    const range = cutRange({ start: now - ago, end });
    if (!range || wanted.length === 0) break;
    for (const table of await client.query(newestIn(wanted, range))) {
      // What was found already is older here.
      if (missing && !take(missing, table.tags)) continue;
      const series = fromTable(table);
      if (series) found.push(series);
    }
    end = range.start;
  }
  return found;
}

const newestIn = (devices: readonly string[], range: { start: number; end: number }): string =>
  `SELECT "number", "text", "boolean", "quality", "unit" ${theReadings}` +
  ` WHERE (${areOf(devices)})` +
  ` AND ${isInRange(range)}` +
  ` GROUP BY "device_id", "sensor_id", "measurement_type" ORDER BY time DESC LIMIT 1`;

const areOf = (devices: readonly string[]): string =>
  devices.map((device) => tagIs('device_id', device)).join(' OR ');

/** Says which series tags are of. */
const keyOf = ({ device_id, sensor_id = '', measurement_type }: Tags): string =>
  JSON.stringify([device_id, sensor_id, measurement_type]);

/** The tags in a key such as `llm_iot_readings,device_id=a\\ b,measurement_type=c`; a stored tag has no backslash. */
function tagsOf(key: string): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const pair of key.split(/(?<!\\),/).slice(1)) {
    const [name = '', value = ''] = pair.split(/(?<!\\)=/);
    tags[name] = value.replace(/\\([,= ])/g, '$1');
  }
  return tags;
}

function fromTable({ tags, columns, rows }: ResultTable): RemoteSeries | undefined {
  const [row] = rows;
  const field = (name: string): unknown => row?.[columns.indexOf(name)] ?? undefined;
  const { device_id, sensor_id, measurement_type } = tags;
  const value = field('text') ?? field('boolean') ?? field('number');
  if (!device_id || !measurement_type || value === undefined) return undefined;
  const unit = field('unit');
  return {
    device_id: originalTag(device_id),
    ...(sensor_id && { sensor_id: originalTag(sensor_id) }),
    measurement_type: originalTag(measurement_type),
    ...(typeof unit === 'string' && { unit: originalText(unit) }),
    value_type: typeof value as 'number',
    latest: {
      timestamp: field('time') as number,
      value: readValue(value),
      quality: qualityOf(field('quality')),
    },
  };
}

const qualityOf = (stored: unknown): Quality => qualities.find((one) => one === stored) ?? 'good';
