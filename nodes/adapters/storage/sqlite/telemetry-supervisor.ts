import type { Log } from '../../../core/log.ts';
import { StorageDamaged } from '../worker-host.ts';
import type { OpenTelemetry } from './telemetry-threads.ts';

/** A file that has been open so long is opened again at once. */
const calmMs = 60_000;
const firstPauseMs = 500;
const longestPauseMs = 30_000;

/** Keeps a telemetry file open: opens it again when one of its threads ends or it turns out to be damaged. */
export interface TelemetrySupervisor {
  /** As the file was opened last; its threads may have ended. */
  last(): OpenTelemetry;
  /**
   * Works with the file once it is open. When it turns out to be damaged, the work is done again with the new file.
   * @throws Error that says why the file cannot be opened, or what the work failed with
   */
  use<T>(work: (open: OpenTelemetry) => Promise<T>): Promise<T>;
  /** Why the file is not open at the moment. */
  problem(): string | undefined;
  /** What went wrong since the start and is over, for people. */
  notes(): readonly string[];
  close(): Promise<void>;
}

/** Opens the file; `damage` says what showed that it is damaged, and `onFailure` is told when a thread ends by itself. */
export type OpenFile = (
  onFailure: (error: Error) => void,
  damage?: string,
) => Promise<OpenTelemetry>;

/** @throws Error when the file cannot be opened at first */
export async function superviseTelemetry(options: {
  name: string;
  open: OpenFile;
  log: Log | undefined;
}): Promise<TelemetrySupervisor> {
  const { name, open, log } = options;
  const notes: string[] = [];
  let problem: string | undefined;
  let openedAt = 0;
  let failures = 0;
  let retry: NodeJS.Timeout | undefined;
  let isClosed = false;

  const note = (text: string): void => {
    notes.push(text);
    log?.error(`${name}: ${text}`);
  };
  const openOnce = async (damage?: string): Promise<OpenTelemetry> => {
    const opened = await open((error) => {
      if (opened === last) openAgain(error);
    }, damage);
    openedAt = Date.now();
    problem = undefined;
    for (const text of opened.notes) note(text);
    return opened;
  };
  let last = await openOnce();
  let current = Promise.resolve(last);

  const nextPause = (): number => {
    if (Date.now() - openedAt > calmMs) failures = 0;
    failures += 1;
    return failures === 1 ? 0 : Math.min(longestPauseMs, firstPauseMs * 2 ** (failures - 2));
  };
  const attempt = (damage?: string): void => {
    current = last.stop().then(async () => (last = await openOnce(damage)));
    current.catch((error: unknown) => {
      problem = messageOf(error);
      log?.error(`${name}: ${problem}`);
      attemptLater(nextPause(), damage);
    });
  };
  const attemptLater = (pause: number, damage?: string): void => {
    if (!isClosed) retry = setTimeout(attempt, pause, damage).unref();
  };
  const openAgain = (error: Error, damage?: string): void => {
    if (isClosed || problem !== undefined) return;
    problem = error.message;
    if (damage === undefined)
      note(`${error.message} at ${new Date().toISOString()}; it is started again`);
    const pause = nextPause();
    if (pause === 0) {
      attempt(damage);
      return;
    }
    current = Promise.reject(error);
    current.catch(() => undefined);
    attemptLater(pause, damage);
  };

  return {
    last: () => last,
    async use(work) {
      const opened = await current;
      try {
        return await work(opened);
      } catch (error) {
        if (!(error instanceof StorageDamaged)) throw error;
        if (opened === last) openAgain(error, error.message);
        return work(await current);
      }
    },
    problem: () => problem,
    notes: () => notes,
    async close() {
      isClosed = true;
      clearTimeout(retry);
      const opened = await current.catch(() => undefined);
      await opened?.close();
    },
  };
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
