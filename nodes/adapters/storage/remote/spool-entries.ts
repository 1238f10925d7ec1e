import type { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { ErrorCode, RpcError } from '../../../core/rpc/errors.ts';
import type { PackedReadings } from '../packing.ts';
import { decodeBatch, encodeBatch } from '../packed-batch.ts';
import type {
  EnteredChange,
  ScannedReadings,
  SpoolHead,
  SpoolLevel,
  WaitingChange,
} from './spool-types.ts';

/** What a row takes besides its body, roughly. */
const rowBytes = 64;
/** Entries one scan looks through, so that a commit is never far away. */
const scanEntries = 40;

interface EntryRow {
  id: number;
  readings: number;
  crc: number;
  body: Uint8Array;
}

/** What waits, in the order it came; called within transactions. */
export interface EntryTable {
  /** @throws RpcError -32006 when the batches find no room; some may be in then */
  append(batches: readonly PackedReadings[], at: number): void;
  appendChange(change: WaitingChange, at: number): void;
  changes(): EnteredChange[];
  head(maxReadings: number): SpoolHead | undefined;
  /** Forgets the entries up to this one. */
  release(last: number): void;
  /** Keeps an entry apart that cannot be read any more; gives the number of its readings. */
  setAside(id: number): number;
  scan(request: ScanRequest): ScannedReadings;
  /** All readings of the entries after this one. */
  after(id: number): Iterable<PackedReadings>;
  level(): Omit<SpoolLevel, 'refused'>;
  /** Counts anew what waits, after a commit was taken back. */
  measure(): void;
}

export interface ScanRequest {
  series: number[];
  start: number;
  end: number;
  /** The entry after which to look. */
  after: number;
}

export function createEntryTable(db: DatabaseSync, maxBytes: number): EntryTable {
  const insert = db.prepare('INSERT INTO entries VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)');
  const rows = db.prepare('SELECT id, readings, crc, body FROM entries WHERE id > ? ORDER BY id');
  const changeRows = db.prepare('SELECT id, crc, body FROM entries WHERE readings = 0 ORDER BY id');
  const matching = db.prepare(
    `SELECT id, crc, body FROM entries WHERE id > ? AND readings > 0 AND last >= ? AND first < ?
     ORDER BY id LIMIT ${scanEntries}`,
  );
  const keepApart = db.prepare('INSERT INTO damaged SELECT * FROM entries WHERE id = ?');
  const remove = db.prepare('DELETE FROM entries WHERE id <= ?');
  const sums = db.prepare(
    `SELECT count(*) AS entries, coalesce(sum(readings), 0) AS readings, coalesce(sum(bytes), 0) AS bytes
     FROM entries WHERE id <= ?`,
  );
  const first = db.prepare('SELECT arrived FROM entries ORDER BY id LIMIT 1');
  const sequence = db.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'entries'");
  const sumsTo = (id: number) =>
    sums.get(id) as { entries: number; readings: number; bytes: number };
  const measured = () => ({
    ...sumsTo(Number.MAX_SAFE_INTEGER),
    newest: Number(sequence.get()?.['seq'] ?? 0),
  });
  let level = measured();

  const put = (body: Buffer, at: number, count: number, times: [number, number] | []): void => {
    const bytes = body.length + rowBytes;
    if (level.bytes + bytes > maxBytes)
      throw new RpcError(
        ErrorCode.ResourceExhausted,
        `the database of the store is away and the ${maxBytes} bytes for what waits for it are full; send again later`,
        { waiting: level.readings, max_bytes: maxBytes, retryable: true },
      );
    const [from = null, to = null] = times;
    level.newest = Number(
      insert.run(at, count, bytes, from, to, crc32(body), body).lastInsertRowid,
    );
    level.entries += 1;
    level.readings += count;
    level.bytes += bytes;
  };
  const release = (last: number): void => {
    const { entries, readings, bytes } = sumsTo(last);
    remove.run(last);
    level.entries -= entries;
    level.readings -= readings;
    level.bytes -= bytes;
  };
  const changeOf = (body: Uint8Array): WaitingChange =>
    JSON.parse(Buffer.from(body).toString()) as WaitingChange;

  return {
    append(batches, at) {
      for (const batch of batches)
        put(encodeBatch(batch), at, batch.timestamp.length, timeRange(batch.timestamp));
    },
    appendChange: (change, at) => put(Buffer.from(JSON.stringify(change)), at, 0, []),
    changes: () =>
      (changeRows.all() as unknown as EntryRow[])
        .filter(isWhole)
        .map(({ id, body }) => ({ id, change: changeOf(body) })),
    head(maxReadings) {
      const batches: PackedReadings[] = [];
      let count = 0;
      let last: number | undefined;
      for (const row of rows.iterate(0) as Iterable<EntryRow>) {
        const { id, readings, body } = row;
        const alone = readings === 0 || !isWhole(row);
        if (alone && last === undefined)
          return isWhole(row)
            ? { batches, change: changeOf(body), last: id }
            : { batches, damaged: true, last: id };
        if (alone || (count > 0 && count + readings > maxReadings)) break;
        batches.push(decodeBatch(body));
        count += readings;
        last = id;
      }
      return last === undefined ? undefined : { batches, last };
    },
    release,
    setAside(id) {
      const { readings } = sumsTo(id);
      keepApart.run(id);
      release(id);
      return readings;
    },
    scan({ series, start, end, after }) {
      const wanted = new Set(series);
      const found = matching.all(after, start, end) as unknown as EntryRow[];
      const batches = found.filter(isWhole).flatMap(({ id, body }) => {
        const readings = pick(decodeBatch(body), wanted, start, end);
        return readings.series.length > 0 ? [{ entry: id, readings }] : [];
      });
      const next = found[scanEntries - 1]?.id;
      return { batches, ...(next !== undefined && { next }) };
    },
    *after(id) {
      for (const row of rows.iterate(id) as Iterable<EntryRow>)
        if (row.readings > 0 && isWhole(row)) yield decodeBatch(row.body);
    },
    level() {
      const oldest = first.get()?.['arrived'];
      return { ...level, ...(typeof oldest === 'number' && { oldest }) };
    },
    measure() {
      level = measured();
    },
  };
}

const isWhole = ({ crc, body }: EntryRow): boolean => crc32(body) === crc;

function timeRange(times: Float64Array): [number, number] {
  let [first, last] = [Infinity, -Infinity];
  for (const time of times) {
    if (time < first) first = time;
    if (time > last) last = time;
  }
  return [first, last];
}

function pick(
  { series, timestamp, number, quality, text }: PackedReadings,
  wanted: ReadonlySet<number>,
  start: number,
  end: number,
): PackedReadings {
  const positions: number[] = [];
  const texts: string[] = [];
  let nextText = 0;
  for (const [i, time] of timestamp.entries()) {
    const isText = Number.isNaN(number[i]);
    if (time >= start && time < end && wanted.has(series[i] as number)) {
      positions.push(i);
      if (isText) texts.push(text[nextText] as string);
    }
    if (isText) nextText += 1;
  }
  return {
    series: Uint32Array.from(positions, (i) => series[i] as number),
    timestamp: Float64Array.from(positions, (i) => timestamp[i] as number),
    number: Float64Array.from(positions, (i) => number[i] as number),
    quality: Uint8Array.from(positions, (i) => quality[i] as number),
    text: texts,
  };
}
