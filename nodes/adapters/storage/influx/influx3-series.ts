import type { RemoteSeries } from '../../../core/telemetry/remote.ts';
import { qualities, type ValueType } from '../../../core/telemetry/types.ts';
import { originalTag, originalText } from './influx-text.ts';
import type { SqlRow } from './influx3-client.ts';
import type { Forgotten, Note } from './influx3-forgotten.ts';
import { escapedTag, readingsMeasurement } from './line-protocol.ts';
import { readValue } from './points.ts';

/** A note as a line. */
export function noteLine(note: Note, now: number): string {
  if ('deviceId' in note) {
    const { deviceId, generation } = note;
    return `${readingsMeasurement},device_id=${escapedTag(deviceId)},generation=${generation} number=${now} ${now}`;
  }
  const type = note.type === undefined ? '' : `,measurement_type=${escapedTag(note.type)}`;
  return `${readingsMeasurement}${type} number=${note.before} ${now}`;
}

/** Takes in what the rows of `newestRows` say of what is forgotten, and gives the series that are not. */
export function readNewest(rows: readonly SqlRow[], forgotten: Forgotten): RemoteSeries[] {
  for (const row of rows) {
    const note = noteIn(row);
    if (note) forgotten.learn(note);
  }
  const found = new Map<string, RemoteSeries>();
  for (const row of rows) {
    const series = seriesIn(row, forgotten);
    if (!series) continue;
    const { device_id, sensor_id, measurement_type } = series;
    const key = JSON.stringify([device_id, sensor_id, measurement_type]);
    const other = found.get(key);
    found.set(key, other ? merged(series, other) : series);
  }
  return [...found.values()];
}

function noteIn(row: SqlRow): Note | undefined {
  const [device, type, generation] = ['device_id', 'measurement_type', 'generation'].map((tag) =>
    textIn(row, tag),
  );
  if (device !== undefined)
    return { deviceId: originalTag(device), generation: Number.parseInt(generation ?? '0') };
  const before = row['number'];
  if (typeof before !== 'number') return undefined;
  return { type: type === undefined ? undefined : originalTag(type), before };
}

/** The series of a row that is remembered. */
function seriesIn(row: SqlRow, forgotten: Forgotten): RemoteSeries | undefined {
  const device = textIn(row, 'device_id');
  const type = textIn(row, 'measurement_type');
  const value = [row['text'], row['boolean'], row['number']].find((one) => one != null);
  if (device === undefined || type === undefined || value === undefined) return undefined;
  const key = { device_id: originalTag(device), measurement_type: originalTag(type) };
  const timestamp = Number(row['time']);
  const { usual, since, late } = forgotten.remembered(key);
  const generation = textIn(row, 'generation');
  if (!(generation === usual && timestamp >= since) && (generation ?? '') !== late)
    return undefined;
  const sensor = textIn(row, 'sensor_id');
  const unit = textIn(row, 'unit');
  return {
    device_id: key.device_id,
    ...(sensor !== undefined && { sensor_id: originalTag(sensor) }),
    measurement_type: key.measurement_type,
    ...(unit !== undefined && { unit: originalText(unit) }),
    value_type: typeof value as ValueType,
    latest: {
      timestamp,
      value: readValue(value),
      quality: qualities.find((one) => one === row['quality']) ?? 'good',
    },
  };
}

/** The newer one, with the unit of the older if it has none. */
function merged(one: RemoteSeries, other: RemoteSeries): RemoteSeries {
  const isOlder = (one.latest?.timestamp ?? 0) < (other.latest?.timestamp ?? 0);
  const [older, newer] = isOlder ? [one, other] : [other, one];
  return { ...(older.unit !== undefined && { unit: older.unit }), ...newer };
}

function textIn(row: SqlRow, column: string): string | undefined {
  const value = row[column];
  return typeof value === 'string' ? value : undefined;
}
