import { isDamage } from '../open-database.ts';
import type { TelemetryFile } from './telemetry-file.ts';

/** When the work between commits is done. */
export interface UpkeepTuning {
  /** Readings that wait in the unsorted table before they are moved to their place. */
  moveAtRows: number;
  /** They are moved too when nothing was written for this long. */
  moveWhenIdleMs: number;
  /** Missing rollups are made this often. */
  rollUpEveryMs: number;
}

/** Commits that wait are moved too when they are so many: a question looks into each of them. */
const moveAtCommits = 2_000;
/** While moves fail, as many readings may gather as these take. */
const mostMoves = 4;
/** Readings moved at once: a commit that comes meanwhile waits for so many. */
const usualRows = 5_000;
/** A move goes on faster than readings come in, however many these are. */
const aheadOfCommits = 1.25;
/** How long rollups are made at once, and how long commits have the thread to themselves between two times. */
const rollUpMs = 4;
const pauseMs = 12;
/** After a failure, such as a full disk, the work is tried again. */
const retryMs = 1_000;

/** Does what the file needs besides commits, in parts, so that a commit is never far away. */
export interface Upkeep {
  /** So many readings have been committed. */
  committed(rows: number): void;
  /** Series have been removed. */
  sweep(): void;
  /** What the work failed with last; it is tried again. */
  problem(): Error | undefined;
  /** @throws what the work failed with if no commit must follow: the file is damaged, or too much waits to be moved */
  assertWell(): void;
  stop(): void;
}

export function createUpkeep(
  file: TelemetryFile,
  { moveAtRows, moveWhenIdleMs, rollUpEveryMs }: UpkeepTuning,
): Upkeep {
  const due = { move: false, sweep: true, rollUp: true };
  /** Committed while a move is under way, since its last part. */
  let overtaking = 0;
  let isBusy = false;
  let problem: Error | undefined;
  let cancelTurn: (() => void) | undefined;
  let isStopped = false;

  const isFull = (): boolean => file.hotRows() >= moveAtRows || file.hotCommits() >= moveAtCommits;
  const doNext = (): void => {
    if (due.move) {
      const rows = Math.ceil(Math.max(usualRows, overtaking * aheadOfCommits));
      overtaking = 0;
      due.move = file.move(rows) || isFull();
      // What was committed meanwhile waits for the next move.
      if (!due.move && file.hotRows() > 0) idle.refresh();
    } else if (due.sweep) due.sweep = file.sweep();
    else if (due.rollUp) due.rollUp = file.rollUp(rollUpMs);
  };
  const turn = (): void => {
    cancelTurn = undefined;
    const wasBusy = isBusy;
    isBusy = false;
    try {
      doNext();
      problem = undefined;
    } catch (error) {
      problem = error instanceof Error ? error : new Error(String(error));
    }
    schedule(wasBusy);
  };
  const schedule = (wasBusy: boolean): void => {
    if (isStopped || cancelTurn || !(due.move || due.sweep || due.rollUp)) return;
    if (problem) cancelTurn = after(turn, retryMs);
    else if (due.move || !wasBusy) cancelTurn = soon(turn);
    else cancelTurn = after(turn, pauseMs);
  };
  const request = (work: keyof typeof due): void => {
    due[work] = true;
    schedule(true);
  };
  const idle = setTimeout(() => request('move'), moveWhenIdleMs);
  const rollUp = setInterval(() => request('rollUp'), rollUpEveryMs);
  schedule(false);

  return {
    committed(rows) {
      isBusy = true;
      idle.refresh();
      if (due.move) overtaking += rows;
      // The move waits until the commit is answered for.
      else if (isFull()) request('move');
    },
    sweep: () => request('sweep'),
    problem: () => problem,
    assertWell() {
      if (problem && (isDamage(problem) || file.hotRows() > moveAtRows * mostMoves)) throw problem;
    },
    stop() {
      isStopped = true;
      cancelTurn?.();
      clearTimeout(idle);
      clearInterval(rollUp);
    },
  };
}

function soon(work: () => void): () => void {
  const handle = setImmediate(work);
  return () => clearImmediate(handle);
}

function after(work: () => void, milliseconds: number): () => void {
  const handle = setTimeout(work, milliseconds);
  return () => clearTimeout(handle);
}
