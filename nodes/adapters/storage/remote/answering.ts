import type { Clock } from '../../../core/clock.ts';
import { ErrorCode, RpcError } from '../../../core/rpc/errors.ts';
import type { StoreAnswer, StoreQuery } from '../../../core/telemetry/ports.ts';
import { RemoteUnavailable, type RemoteDatabase } from '../../../core/telemetry/remote.ts';
import { createSeriesQueries } from '../series-queries.ts';
import type { Courier } from './courier.ts';
import { gatherPoints } from './gather-points.ts';
import type { SeriesRegistry } from './series-registry.ts';
import type { Spool } from './spool.ts';
import { within } from './time-limit.ts';

/**
 * Answers a store's questions from the database.
 * @param options `limitMs` is the longest an answer may take
 */
export function createAnswering(options: {
  remote: RemoteDatabase;
  spool: Spool;
  registry: SeriesRegistry;
  courier: Courier;
  clock: Clock;
  limitMs: number;
}): (query: StoreQuery) => Promise<StoreAnswer> {
  const { remote, spool, registry, courier, clock, limitMs } = options;

  return async (query) => {
    const { connected, reason } = courier.state();
    if (!connected) throw unreachable(remote, reason ?? 'not connected yet');
    const abort = new AbortController();
    const ask = createSeriesQueries(registry.index, (question) =>
      gatherPoints({ remote, spool }, question, abort.signal),
    );
    try {
      const answer = await within(clock, limitMs, ask(query));
      if (answer !== 'late') return answer.value;
    } catch (error) {
      throw error instanceof RemoteUnavailable ? unreachable(remote, error.message) : error;
    }
    abort.abort();
    throw unreachable(remote, `no answer in ${limitMs} ms; ask for less at once`);
  };
}

const unreachable = (remote: RemoteDatabase, reason: string): RpcError =>
  new RpcError(
    ErrorCode.CommunicationTimeout,
    `the telemetry database cannot be asked now: ${remote.name()}: ${reason}`,
    { retryable: true },
  );
