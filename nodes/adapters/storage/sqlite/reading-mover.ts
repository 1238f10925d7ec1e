import type { DatabaseSync } from 'node:sqlite';
import type { Forgotten, HotReadings } from './hot-readings.ts';
import type { RollupMarks } from './rollup-marks.ts';
import { hourOf } from './rollup-slots.ts';
import { createRunInsert } from './run-insert.ts';
import { restOfRun, sortRun, type SortedRun } from './sorted-run.ts';

/** Brings what is hot to its place, sorted, in parts. Until all of it is there it stays in `hot` as well. */
export interface ReadingMover {
  /** Moves about this many readings, within a transaction. */
  step(most: number): void;
  /** The transaction is on disk; false when all is moved that was there when the move began. */
  stepped(): boolean;
  /** Readings in motion that are to be forgotten are not moved. */
  forget(forgotten: Forgotten): void;
  /** Hot readings that are not in their place yet. */
  waiting(): number;
}

interface Move {
  /** Readings of the commits in it. */
  rows: number;
  run: SortedRun;
  position: number;
  /** Number of the last commit in it. */
  through: number;
}

export function createReadingMover(
  db: DatabaseSync,
  hot: HotReadings,
  marks: RollupMarks,
): ReadingMover {
  const insertRun = createRunInsert(db);
  const addCount = db.prepare('UPDATE counters SET readings = readings + ?');
  let move: Move | undefined;
  let reached = 0;

  const begin = (): Move | undefined => {
    const commits = hot.commits();
    const through = commits.at(-1)?.number;
    if (through === undefined) return undefined;
    const run = sortRun(commits.map(({ readings }) => readings));
    return { rows: hot.rows(), run, position: 0, through };
  };

  return {
    step(most) {
      move ??= begin();
      if (!move) return;
      const { run, position, through } = move;
      reached = Math.min(run.length, position + most);
      for (let i = position; i < reached; i++)
        marks.touch(run.series[i] ?? 0, hourOf(run.timestamp[i] ?? 0));
      addCount.run(insertRun(run, position, reached));
      if (reached === run.length) hot.remove(through);
    },
    stepped() {
      if (!move) return false;
      move.position = reached;
      if (reached < move.run.length) return true;
      hot.release(move.through);
      move = undefined;
      return false;
    },
    forget(forgotten) {
      if (!move) return;
      const { run, position } = move;
      move.run = restOfRun(run, position, (series, time) => !forgotten(series, time));
      move.position = 0;
    },
    waiting: () => hot.rows() - (move ? move.rows - move.run.length + move.position : 0),
  };
}
