import { Worker, type Transferable } from 'node:worker_threads';
import { ErrorCode, RpcError } from '../../core/rpc/errors.ts';
import type { Call, Operations, Outcome, PackedError } from './worker-port.ts';

/** A worker thread as seen by the thread that started it. */
export interface WorkerHost<O extends Operations> {
  /** Calls an operation; rejects with its error, or with `failure()` when the worker is gone. */
  call<Name extends keyof O & string>(
    name: Name,
    request: O[Name]['request'],
    transfer?: Transferable[],
  ): Promise<O[Name]['answer']>;
  /** Why the worker can do no more; undefined while it runs. */
  failure(): Error | undefined;
  /** Ends the thread; calls under way are rejected. */
  stop(): Promise<void>;
}

/** The database of a worker turned out to be damaged: what was asked has not been done. */
export class StorageDamaged extends Error {
  override name = 'StorageDamaged';
}

/** Starts the thread of a worker file. */
export type StartThread = (url: URL) => Worker;

/** Each thread has a heap of its own, and what these make is short-lived: more room would only be filled. */
const resourceLimits = { maxYoungGenerationSizeMb: 8 };

const startThread: StartThread = (url) => new Worker(url, { resourceLimits });

/**
 * The address of a worker file beside the calling module, which is TypeScript in a checkout and JavaScript in the
 * built package.
 * @param name file name without its ending
 */
export function workerUrl(name: string, moduleUrl: string): URL {
  return new URL(`./${name}${moduleUrl.endsWith('.ts') ? '.ts' : '.js'}`, moduleUrl);
}

/** Starts a worker that answers calls with `serveCalls`; `onFailure` is told when it ends by itself. */
export function createWorkerHost<O extends Operations>(
  url: URL,
  start: StartThread = startThread,
  onFailure: (error: Error) => void = () => undefined,
): WorkerHost<O> {
  const worker = start(url);
  const pending = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (e: Error) => void }
  >();
  let nextId = 0;
  let failure: Error | undefined;

  const fail = (error: Error): void => {
    if (failure) return;
    failure = error;
    const waiting = [...pending.values()];
    pending.clear();
    for (const { reject } of waiting) reject(error);
  };
  const failByItself = (error: Error): void => {
    if (failure) return;
    fail(error);
    onFailure(error);
  };
  worker.on('message', (outcome: Outcome) => {
    const call = pending.get(outcome.id);
    pending.delete(outcome.id);
    if ('error' in outcome) call?.reject(unpackError(outcome.error));
    else call?.resolve(outcome.value);
  });
  worker.on('error', (error) =>
    failByItself(
      new Error(
        `the storage thread failed: ${error instanceof Error ? error.message : String(error)}`,
      ),
    ),
  );
  worker.on('exit', (code) => failByItself(new Error(`the storage thread ended (code ${code})`)));

  return {
    call: (name, request, transfer = []) =>
      new Promise((resolve, reject) => {
        if (failure) {
          reject(failure);
          return;
        }
        const id = nextId++;
        pending.set(id, { resolve: resolve, reject });
        worker.postMessage({ id, name, request } satisfies Call, transfer);
      }),
    failure: () => failure,
    async stop() {
      fail(new Error('the store is closed'));
      await worker.terminate();
    },
  };
}

/** SQLITE_FULL, in the low byte of an extended result code. */
const sqliteFull = 13;

function unpackError({ message, rpc, sqlite, damage }: PackedError): Error {
  if (damage) return new StorageDamaged(message);
  if (rpc) return new RpcError(rpc.code, rpc.reason, rpc.details);
  if (sqlite !== undefined && (sqlite & 0xff) === sqliteFull)
    return new RpcError(ErrorCode.ResourceExhausted, 'the disk of the store is full');
  return new Error(message);
}
