import type { DatabaseSync } from 'node:sqlite';
import { unpackStored } from '../open-database.ts';
import { decodeBatch, encodeBatch } from '../packed-batch.ts';
import type { PackedReadings } from '../packing.ts';
import { noSeries } from './sorted-run.ts';

/** The readings of one commit that wait to be moved. */
export interface HotCommit {
  number: number;
  readings: PackedReadings;
}

/** Whether a reading is to be forgotten. */
export type Forgotten = (series: number, timestamp: number) => boolean;

/** The table `hot`, with a copy of what is in it. */
export interface HotReadings {
  /** Puts the readings of a commit into the table, within its transaction. */
  insert(readings: PackedReadings): HotCommit;
  /** The commit is on disk. */
  keep(commit: HotCommit): void;
  /** In the order they came. */
  commits(): readonly HotCommit[];
  rows(): number;
  /** Takes readings out of the table, within a transaction; the answer, called after it, takes them from the copy. */
  forget(forgotten: Forgotten): () => void;
  /** Deletes the commits up to a number from the table, within a transaction; `release` takes them from the copy. */
  remove(through: number): void;
  release(through: number): void;
}

/** Reads what is in the table. */
export function createHotReadings(db: DatabaseSync): HotReadings {
  const put = db.prepare('INSERT INTO hot VALUES (?, ?)');
  const change = db.prepare('UPDATE hot SET readings = ? WHERE number = ?');
  const remove = db.prepare('DELETE FROM hot WHERE number <= ?');
  const stored = db.prepare('SELECT number, readings FROM hot ORDER BY number').all();
  let commits = stored.map(({ number, readings }): HotCommit => ({
    number: number as number,
    readings: unpackStored(() => decodeBatch(readings as Uint8Array)),
  }));
  let next = (commits.at(-1)?.number ?? 0) + 1;
  const count = (of: readonly HotCommit[]): number =>
    of.reduce((sum, { readings }) => sum + readings.series.length, 0);
  let rows = count(commits);

  return {
    insert(readings) {
      put.run(next, encodeBatch(readings));
      return { number: next, readings };
    },
    keep(commit) {
      commits.push(commit);
      next = commit.number + 1;
      rows += commit.readings.series.length;
    },
    commits: () => commits,
    rows: () => rows,
    forget(forgotten) {
      const changed = commits.flatMap((commit) => {
        const readings = without(commit.readings, forgotten);
        return readings ? [{ commit, readings }] : [];
      });
      for (const { commit, readings } of changed) change.run(encodeBatch(readings), commit.number);
      return () => {
        for (const { commit, readings } of changed) commit.readings = readings;
      };
    },
    remove(through) {
      remove.run(through);
    },
    release(through) {
      commits = commits.filter(({ number }) => number > through);
      rows = count(commits);
    },
  };
}

/** The pack with the forgotten readings in no series; undefined if there are none. */
function without(readings: PackedReadings, forgotten: Forgotten): PackedReadings | undefined {
  let series: PackedReadings['series'] | undefined;
  for (const [i, id] of readings.series.entries()) {
    if (!forgotten(id, readings.timestamp[i] ?? 0)) continue;
    series ??= readings.series.slice();
    series[i] = noSeries;
  }
  return series && { ...readings, series };
}
