import type { Clock } from '../clock.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { MethodDeclaration } from '../rpc/types.ts';
import type { Principal } from './types.ts';

const minute = 60_000;
/** How many callers are remembered before those who rest are forgotten. */
const mostCallers = 1_000;

/** Keeps callers to the `calls_per_minute` of their scope, and of a policy that a method has. */
export interface CallRate {
  /** Counts a call. @throws RpcError -32006 with `retry_after_ms`; what is refused so is not counted */
  take(principal: Principal): void;
  /** Counts a call of one method. @throws as `take` */
  takeOf(principal: Principal, method: Pick<MethodDeclaration, 'name' | 'callsPerMinute'>): void;
}

/** No more than a number in any sixty seconds, by principal: over all its connections and transports. */
export function createCallRate({ clock }: { clock: Clock }): CallRate {
  /** When each call of the last minute came, oldest first, by principal. */
  const calls = new Map<string, number[]>();

  const forgetResting = (since: number): void => {
    for (const [id, times] of calls) if ((times.at(-1) ?? 0) <= since) calls.delete(id);
  };

  const count = (id: string, most: number, reason: string): void => {
    const now = clock.elapsed();
    let times = calls.get(id);
    if (!times) {
      if (calls.size >= mostCallers) forgetResting(now - minute);
      calls.set(id, (times = []));
    }
    const gone = times.findIndex((time) => time > now - minute);
    times.splice(0, gone < 0 ? times.length : gone);
    const oldest = times[times.length - most];
    if (oldest !== undefined)
      throw new RpcError(ErrorCode.ResourceExhausted, reason, {
        calls_per_minute: most,
        retry_after_ms: Math.ceil(oldest + minute - now),
      });
    times.push(now);
  };

  return {
    take({ id, scope }) {
      const most = scope?.calls_per_minute;
      if (most !== undefined) count(id, most, `this key may make ${most} calls per minute`);
    },
    takeOf({ id }, { name, callsPerMinute: most }) {
      if (most === undefined) return;
      count(`${id} ${name}`, most, `${name} may be called ${most} times per minute with one key`);
    },
  };
}
