import { parentPort, type Transferable } from 'node:worker_threads';
import { RpcError, type ErrorCode } from '../../core/rpc/errors.ts';
import { isDamage } from './open-database.ts';

/** The operations of a worker: request and answer by name. */
export type Operations = Record<string, { request: unknown; answer: unknown }>;

/** What one operation answers, and what of it moves to the other thread instead of being copied. */
export interface Answer<T> {
  value: T;
  transfer?: Transferable[];
}

export type Handlers<O extends Operations> = {
  [Name in keyof O]: (request: O[Name]['request']) => Answer<O[Name]['answer']>;
};

/** On the wire between the threads: a call ... */
export interface Call {
  id: number;
  name: string;
  request: unknown;
}

/** ... and its outcome. */
export type Outcome = { id: number; value: unknown } | { id: number; error: PackedError };

/** An error as data: a class does not survive the way between threads. */
export interface PackedError {
  message: string;
  rpc?: { code: ErrorCode; reason: string; details: Record<string, unknown> };
  /** SQLite's extended result code. */
  sqlite?: number;
  /** The database is damaged. */
  damage?: true;
}

/** The worker's side: answers the calls of the thread that started it, one after the other. */
export function serveCalls<O extends Operations>(handlers: Handlers<O>): void {
  const port = parentPort;
  if (!port) throw new Error('this file runs in a worker thread');
  port.on('message', ({ id, name, request }: Call) => {
    try {
      const { value, transfer } = (handlers[name] as (request: unknown) => Answer<unknown>)(
        request,
      );
      port.postMessage({ id, value } satisfies Outcome, transfer);
    } catch (error) {
      port.postMessage({ id, error: packError(error) } satisfies Outcome);
    }
  });
}

function packError(error: unknown): PackedError {
  if (error instanceof RpcError) {
    const { code, reason, details } = error;
    return { message: error.message, rpc: { code, reason, details } };
  }
  const { message, errcode } = error as { message?: string; errcode?: number };
  return {
    message: message ?? String(error),
    ...(errcode !== undefined && { sqlite: errcode }),
    ...(isDamage(error) && { damage: true }),
  };
}
