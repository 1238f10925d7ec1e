import {
  createTelemetryFile,
  type LoadedSeries,
  type ReadingsCommit,
  type SeriesExpiry,
  type TelemetryFile,
} from './telemetry-file.ts';
import { serveCalls } from '../worker-port.ts';

// A type and not an interface, because only that fits an index signature.
export type WriterOperations = {
  open: {
    request: { file: string; moveAtRows: number; moveWhenIdleMs: number };
    answer: LoadedSeries;
  };
  commit: { request: ReadingsCommit; answer: undefined };
  remove: { request: number[]; answer: undefined };
  /** Deletes a part of what is too old; answers whether something of it is left. */
  expire: { request: SeriesExpiry[]; answer: boolean };
  /** `problem` is what the upkeep of the file failed with last. */
  state: { request: undefined; answer: { readings: number; problem?: string } };
  close: { request: undefined; answer: undefined };
};

let opened: TelemetryFile | undefined;
let tuning = { moveAtRows: 0, moveWhenIdleMs: 0 };
let idle: NodeJS.Timeout | undefined;
let problem: string | undefined;

const file = (): TelemetryFile => {
  if (!opened) throw new Error('the file is not open');
  return opened;
};
/** What nobody waits for fails into `problem`; the next commit would tell its caller. */
const upkeep = (work: (opened: TelemetryFile) => void): void => {
  if (!opened) return;
  try {
    work(opened);
    problem = undefined;
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
};
const move = (): void => upkeep((telemetry) => telemetry.move());
/** Removed series go in small parts, so that a commit is never far away. */
const sweep = (): void =>
  upkeep((telemetry) => {
    if (telemetry.sweep()) setImmediate(sweep);
  });
const moveWhenIdle = (): void => {
  clearTimeout(idle);
  idle = setTimeout(move, tuning.moveWhenIdleMs);
};

serveCalls<WriterOperations>({
  open({ file: path, ...rest }) {
    tuning = rest;
    opened = createTelemetryFile(path);
    opened.move();
    setImmediate(sweep);
    return { value: opened.load() };
  },
  commit(commit) {
    file().commit(commit);
    // The move waits until the commit is answered for.
    if (file().hotRows() >= tuning.moveAtRows) setImmediate(move);
    else moveWhenIdle();
    return { value: undefined };
  },
  remove(series) {
    file().remove(series);
    setImmediate(sweep);
    return { value: undefined };
  },
  expire: (expiries) => ({ value: file().expire(expiries) }),
  state: () => ({
    value: { readings: file().count(), ...(problem !== undefined && { problem }) },
  }),
  close() {
    clearTimeout(idle);
    opened?.close();
    opened = undefined;
    return { value: undefined };
  },
});
