import type { Clock } from '../clock.ts';
import { ErrorCode, RpcError } from './errors.ts';
import type { Outcome, RpcCall } from './types.ts';

/** The calls under way, each with its deadline. A call ends exactly once. */
export interface PendingCalls {
  /** Resolves when the call ends. @throws RpcError -32006 when too many are under way */
  open(call: RpcCall, timeoutMs: number): Promise<Outcome>;
  /** False if there is no such call, or no more. */
  settle(id: string, outcome: Outcome): boolean;
  find(id: string): RpcCall | undefined;
  size(): number;
  /** Settlements that came after the end of their call. */
  late(): number;
  /** Ends every call with this error. */
  closeWith(error: RpcError): void;
}

interface Pending {
  call: RpcCall;
  end: (outcome: Outcome) => void;
  cancelDeadline: () => void;
}

export function createPendingCalls(deps: { clock: Clock; limit: number }): PendingCalls {
  const { clock, limit } = deps;
  const pending = new Map<string, Pending>();
  let late = 0;

  const end = (id: string, outcome: Outcome): boolean => {
    const found = pending.get(id);
    if (!found) return false;
    pending.delete(id);
    found.cancelDeadline();
    found.end(outcome);
    return true;
  };

  const timedOut = (call: RpcCall, timeoutMs: number): RpcError =>
    new RpcError(
      ErrorCode.CommunicationTimeout,
      `${call.method} was not answered within ${timeoutMs} ms`,
      { method: call.method, timeout_ms: timeoutMs },
    );

  return {
    open(call, timeoutMs) {
      if (pending.size >= limit) {
        throw new RpcError(
          ErrorCode.ResourceExhausted,
          `the hub is answering ${limit} calls already; try again shortly`,
          { max_pending: limit, retry_after_ms: 1_000 },
        );
      }
      return new Promise((resolve) => {
        const cancelDeadline = clock.after(timeoutMs, () => {
          end(call.id, { error: timedOut(call, timeoutMs) });
        });
        pending.set(call.id, { call, end: resolve, cancelDeadline });
      });
    },
    settle(id, outcome) {
      const settled = end(id, outcome);
      if (!settled) late += 1;
      return settled;
    },
    find: (id) => pending.get(id)?.call,
    size: () => pending.size,
    late: () => late,
    closeWith(error) {
      for (const id of [...pending.keys()]) end(id, { error });
    },
  };
}
