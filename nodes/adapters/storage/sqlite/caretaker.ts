import { setTimeout as pause } from 'node:timers/promises';
import { createWorkerHost, workerUrl, type StartThread, type WorkerHost } from '../worker-host.ts';
import type { CaretakerOperations } from './sqlite-caretaker.worker.ts';

/** Between two parts of a check, so that it takes little of the disk. */
const checkPauseMs = 40;

/** What is done with a file beside its use, in a thread of its own. */
export interface CaretakerOptions {
  file: string;
  /** Ends the work before it is done. */
  signal: AbortSignal;
  startThread: StartThread | undefined;
}

/**
 * Copies a telemetry file, as it is now, to a new one while it is in use.
 * @throws Error when there is a file of that name, no room for it, or the work is ended; nothing is left of it then
 */
export const copyTelemetry = (copy: string, options: CaretakerOptions): Promise<void> =>
  withCaretaker(options, async (caretaker) => {
    await caretaker.call('beginCopy', { file: options.file, copy });
    while (await caretaker.call('step', undefined)) options.signal.throwIfAborted();
  });

/** Goes through a large file while it is in use. @throws StorageDamaged when a part of it cannot be read */
export const checkTelemetry = (options: CaretakerOptions): Promise<void> =>
  withCaretaker(options, async (caretaker) => {
    await caretaker.call('beginCheck', options.file);
    while (await caretaker.call('step', undefined))
      await pause(checkPauseMs, undefined, { signal: options.signal, ref: false });
  });

async function withCaretaker(
  { startThread, signal }: CaretakerOptions,
  work: (caretaker: WorkerHost<CaretakerOperations>) => Promise<void>,
): Promise<void> {
  signal.throwIfAborted();
  const url = workerUrl('sqlite-caretaker.worker', import.meta.url);
  const caretaker = createWorkerHost<CaretakerOperations>(url, startThread);
  try {
    await work(caretaker);
  } catch (error) {
    if (!caretaker.failure()) await caretaker.call('end', undefined);
    throw error;
  } finally {
    await caretaker.stop();
  }
}
