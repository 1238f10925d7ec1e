import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import { createAggregator } from '../../nodes/core/telemetry/aggregate.ts';
import type {
  ExpiryTimes,
  LatestReading,
  Point,
  SeriesInfo,
  SeriesKey,
} from '../../nodes/core/telemetry/ports.ts';
import { RemoteUnavailable, type RemoteDatabase } from '../../nodes/core/telemetry/remote.ts';
import { expiryOf } from '../../nodes/core/telemetry/retention.ts';
import type { Reading, ValueType } from '../../nodes/core/telemetry/types.ts';

/** What a test makes go wrong. */
export interface RemoteFaults {
  /** Every call rejects with this, and may be tried again. */
  away?: string;
  /** Opening and writing reject with this for good. */
  forbidden?: string;
  /** Writes and changes wait for this before they are done. */
  hold?: Promise<void>;
  /** The next write alone waits for this before it is done. */
  holdNext?: Promise<void>;
  /** Writes are done, but the database is gone before it says so. */
  losesAnswers?: boolean;
  /** Why a reading is refused; undefined if it is not. */
  refuses?: (reading: Reading) => string | undefined;
  /** Whether a reading makes the whole call fail for good. */
  chokesOn?: (reading: Reading) => boolean;
  /** How long every call takes. */
  delayMs?: number;
}

export interface MemoryRemote extends RemoteDatabase {
  faults: RemoteFaults;
  /** The readings of each write, in the order in which they were done. */
  readonly writes: (readonly Reading[])[];
  /** How often it was opened. */
  opened(): number;
  /** Readings it holds. */
  size(): number;
  /** Every reading it holds: `device/sensor/type`, time, value. */
  rows(): [string, number, Reading['value']][];
}

interface StoredSeries {
  info: SeriesInfo;
  rows: Map<number, Pick<LatestReading, 'value' | 'quality'>>;
}

type Done = { readings: readonly Reading[] } | { removed: string } | { expired: ExpiryTimes };

/** A database elsewhere that keeps all in memory; with a journal, it still has it after its process was killed. */
export function createMemoryRemote(journal?: string): MemoryRemote {
  const stored = new Map<string, StoredSeries>();
  const faults: RemoteFaults = {};
  const writes: (readonly Reading[])[] = [];
  let openings = 0;
  let isOpen = true;

  const put = (reading: Reading): string | undefined => {
    const { timestamp, value, quality = 'good', unit, ...key } = reading;
    const reason = faults.refuses?.(reading);
    if (reason !== undefined) return reason;
    const name = nameOf(key);
    const value_type = typeof value as ValueType;
    let series = stored.get(name);
    if (series && series.info.value_type !== value_type)
      return `field type conflict: ${series.info.value_type} already exists`;
    if (!series) {
      const { device_id, sensor_id, measurement_type } = key;
      const info = { device_id, ...(sensor_id !== undefined && { sensor_id }), measurement_type };
      stored.set(name, (series = { info: { ...info, value_type }, rows: new Map() }));
    }
    if (unit !== undefined) series.info.unit = unit;
    series.rows.set(timestamp, { value, quality });
    return undefined;
  };
  const remove = (deviceId: string): void => {
    for (const [name, { info }] of stored) if (info.device_id === deviceId) stored.delete(name);
  };
  const expire = (times: ExpiryTimes): void => {
    for (const [name, { info, rows }] of stored) {
      const before = expiryOf(times, info.measurement_type) ?? -Infinity;
      for (const time of rows.keys()) if (time < before) rows.delete(time);
      if (rows.size === 0) stored.delete(name);
    }
  };
  const note = (done: Done): void => {
    if (journal !== undefined) appendFileSync(journal, `${JSON.stringify(done)}\n`);
  };
  for (const done of journal === undefined ? [] : readJournal(journal)) {
    if ('removed' in done) remove(done.removed);
    else if ('expired' in done) expire(done.expired);
    else for (const reading of done.readings) put(reading);
  }

  const reachable = async (): Promise<void> => {
    if (faults.delayMs !== undefined)
      await new Promise((resolve) => setTimeout(resolve, faults.delayMs));
    else await new Promise((resolve) => setImmediate(resolve));
    if (!isOpen) throw new RemoteUnavailable('closed');
    if (faults.away !== undefined) throw new RemoteUnavailable(faults.away);
  };
  const held = async (): Promise<void> => {
    const { hold, holdNext } = faults;
    delete faults.holdNext;
    await Promise.all([hold, holdNext]);
  };
  const rowsOf = (series: SeriesInfo, start: number, end: number) =>
    [...(stored.get(nameOf(series))?.rows ?? [])]
      .filter(([time]) => time >= start && time < end)
      .sort(([a], [b]) => a - b);

  return {
    faults,
    writes,
    opened: () => openings,
    size: () => [...stored.values()].reduce((sum, { rows }) => sum + rows.size, 0),
    rows: () =>
      [...stored].flatMap(([name, { rows }]) =>
        [...rows].map(([time, { value }]): [string, number, Reading['value']] => [
          name,
          time,
          value,
        ]),
      ),
    name: () => 'Memory 1.0 at memory:1',
    async open() {
      openings += 1;
      await reachable();
      if (faults.forbidden !== undefined) throw new Error(faults.forbidden);
      return [...stored.values()].map(({ info, rows }) => {
        const timestamp = Math.max(...rows.keys());
        const newest = rows.get(timestamp);
        return { ...info, ...(newest && { latest: { timestamp, ...newest } }) };
      });
    },
    async write(readings) {
      await reachable();
      await held();
      if (!isOpen) throw new RemoteUnavailable('closed');
      if (readings.length > 10_000) throw new Error(`${readings.length} readings in one write`);
      if (faults.forbidden !== undefined) throw new Error(faults.forbidden);
      if (faults.chokesOn && readings.some(faults.chokesOn)) throw new Error('cannot parse this');
      writes.push(readings);
      const rejected = [];
      for (const [index, reading] of readings.entries()) {
        const reason = put(reading);
        if (reason !== undefined) rejected.push({ index, reason });
      }
      note({ readings });
      if (faults.losesAnswers === true) throw new RemoteUnavailable('connection reset');
      return { rejected };
    },
    async readings(series, { start, end, limit }) {
      await reachable();
      return rowsOf(series, start, end)
        .slice(0, limit)
        .map(([timestamp, { value }]) => ({ timestamp, value, count: 1 }));
    },
    async aggregate(series, aggregation, { start, end, width, origin, limit }) {
      await reachable();
      const aggregator = createAggregator(aggregation);
      const buckets = Map.groupBy(
        rowsOf(series, start, end),
        ([time]) => origin + Math.floor((time - origin) / width) * width,
      );
      return [...buckets].slice(0, limit).map(([timestamp, rows]): Point => {
        for (const [, { value }] of rows) aggregator.add(value);
        return { timestamp, value: aggregator.take(), count: rows.length };
      });
    },
    async removeDevice(deviceId) {
      await reachable();
      await held();
      remove(deviceId);
      note({ removed: deviceId });
    },
    async expire(times) {
      await reachable();
      await held();
      expire(times);
      note({ expired: times });
    },
    async count() {
      await reachable();
      return [...stored.values()].reduce((sum, { rows }) => sum + rows.size, 0);
    },
    close() {
      isOpen = false;
      return Promise.resolve();
    },
  };
}

const nameOf = ({ device_id, sensor_id, measurement_type }: SeriesKey): string =>
  `${device_id}/${sensor_id ?? ''}/${measurement_type}`;

/** What was done; a line that was cut off was not, and goes. */
function readJournal(file: string): Done[] {
  if (!existsSync(file)) return [];
  const text = readFileSync(file, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  truncateSync(file, Buffer.byteLength(whole));
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Done);
}
