import { maxWrite } from './deliver.ts';

/** The times the store keeps to (ms), and how much of what; the defaults suit a hub. */
export interface SpooledStoreTuning {
  /** A write that takes the database longer is put into the spool. Default 2,000. */
  slowMs: number;
  /** The first wait after a failure; it doubles from failure to failure. Default 500. */
  firstRetryMs: number;
  /** The longest of these waits. Default 30,000. */
  lastRetryMs: number;
  /** How long a start waits for the database. Default 5,000. */
  startMs: number;
  /** How long a question may take. Default 30,000. */
  queryMs: number;
  /** How long closing waits for what is under way. Default 5,000. */
  closeMs: number;
  /** How often the index of series in the file is brought up to date. Default 10,000. */
  saveMs: number;
  /** Readings of one commit, unless a single call has more. Default 10,000. */
  maxCommitReadings: number;
  /** Readings that may wait in memory while a commit is under way. Default 500,000. */
  maxWaitingReadings: number;
}

export const usualTuning: SpooledStoreTuning = {
  slowMs: 2_000,
  firstRetryMs: 500,
  lastRetryMs: 30_000,
  startMs: 5_000,
  queryMs: 30_000,
  closeMs: 5_000,
  saveMs: 10_000,
  maxCommitReadings: maxWrite,
  maxWaitingReadings: 500_000,
};
