import type { Transferable } from 'node:worker_threads';
import type { Clock } from '../../../core/clock.ts';
import { RpcError } from '../../../core/rpc/errors.ts';
import {
  createWorkerHost,
  StorageDamaged,
  workerUrl,
  type StartThread,
  type WorkerHost,
} from '../worker-host.ts';
import type { SpoolOperations } from './spool.worker.ts';

/** A thread that could not be started is not tried again for so long (ms). */
const restMs = 1_000;

/** The spool failed, not the database it is for. */
export class SpoolError extends Error {
  override name = 'SpoolError';
}

export type OpenedSpool = SpoolOperations['open']['answer'];

/** The thread that works with the spool file. It is started again when it ends or when its file is damaged. */
export interface SpoolThread {
  /**
   * Calls an operation.
   * @throws SpoolError when it was not done, or when nobody can tell because the thread ended meanwhile
   * @throws RpcError -32006 when there is no room
   */
  call<Name extends Exclude<keyof SpoolOperations, 'open' | 'close'>>(
    name: Name,
    request: SpoolOperations[Name]['request'],
    transfer?: Transferable[],
  ): Promise<SpoolOperations[Name]['answer']>;
  /** Why nothing can be called at the moment. */
  failure(): Error | undefined;
  close(): Promise<void>;
}

/**
 * @param options `newest` is the last entry there was; `onReopened` is told of the file when it had to be opened again
 * @throws Error that says what is wrong with the file
 */
export async function startSpoolThread(options: {
  file: string;
  maxBytes: number;
  clock: Clock;
  startThread: StartThread | undefined;
  newest: () => number;
  onReopened: (opened: OpenedSpool) => void;
}): Promise<{ thread: SpoolThread; opened: OpenedSpool }> {
  const { file, maxBytes, clock, startThread, newest, onReopened } = options;
  let worker: WorkerHost<SpoolOperations>;
  let files = 1;
  let isClosed = false;
  let reopening: Promise<void> | undefined;
  let restUntil = -Infinity;
  let trouble: Error | undefined;

  const open = async (damage?: SpoolOperations['open']['request']['damage']) => {
    const next = createWorkerHost<SpoolOperations>(
      workerUrl('spool.worker', import.meta.url),
      startThread,
    );
    try {
      const request = { file, maxBytes, now: clock.now(), ...(damage && { damage }) };
      const opened = await next.call('open', request);
      worker = next;
      return opened;
    } catch (error) {
      await next.stop();
      throw error;
    }
  };
  const opened = await open();

  const openAgain = async (reason?: string): Promise<void> => {
    trouble = worker.failure() ?? new Error(reason);
    await worker.stop();
    restUntil = clock.now() + restMs;
    const again = await open(reason === undefined ? undefined : { reason, after: newest() });
    restUntil = -Infinity;
    trouble = undefined;
    if (again.quarantined !== undefined) files += 1;
    onReopened(again);
  };
  const reopen = (reason?: string): Promise<void> =>
    (reopening ??= openAgain(reason).finally(() => {
      reopening = undefined;
    }));
  /** Something of the old file must not get into a new one. */
  const revive = async (): Promise<void> => {
    const before = files;
    const failure = trouble ?? worker.failure();
    if (!reopening && !failure) return;
    if (!reopening && (isClosed || clock.now() < restUntil)) throw failure as Error;
    await reopen();
    if (files !== before) throw new Error('a damaged spool was put aside; send again');
  };

  const thread: SpoolThread = {
    async call(name, request, transfer) {
      let used: WorkerHost<SpoolOperations> | undefined;
      try {
        await revive();
        used = worker;
        return await used.call(name, request, transfer);
      } catch (error) {
        if (error instanceof StorageDamaged && used === worker)
          await reopen(error.message).catch(() => undefined);
        throw error instanceof RpcError ? error : new SpoolError(messageOf(error));
      }
    },
    failure: () => trouble ?? worker.failure(),
    async close() {
      isClosed = true;
      await reopening?.catch(() => undefined);
      try {
        if (!worker.failure()) await worker.call('close', undefined);
      } finally {
        await worker.stop();
      }
    },
  };
  return { thread, opened };
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
