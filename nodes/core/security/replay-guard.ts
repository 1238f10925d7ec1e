import type { Clock } from '../clock.ts';
import type { RecordStore } from '../records.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';

/** How many ids are remembered. */
export interface ReplayLimits {
  perSigner: number;
  inAll: number;
}

interface UsedId {
  signer: string;
  id: string;
  /** Milliseconds since the epoch. */
  until: number;
}

/** Remembers the ids of signatures for as long as these are good, over a stop of the hub as well. */
export interface ReplayGuard {
  load(): Promise<void>;
  /**
   * Uses up an id; resolves once a crash would not bring it back.
   * @param until when its signature is too old by itself (ms since the epoch)
   * @throws RpcError -32005 when it was used before, -32006 with `retry_after_ms` when no more can be remembered
   */
  use(signer: string, id: string, until: number): Promise<void>;
}

export function createReplayGuard(deps: {
  records: RecordStore;
  clock: Clock;
  limits?: ReplayLimits;
}): ReplayGuard {
  const { records, clock } = deps;
  const { perSigner, inAll } = deps.limits ?? { perSigner: 1_000, inAll: 50_000 };
  const used = new Map<string, Map<string, number>>();
  let total = 0;

  const recordId = (signer: string, id: string): string => `${id} ${signer}`;
  const keep = ({ signer, id, until }: UsedId): void => {
    let ids = used.get(signer);
    if (!ids) used.set(signer, (ids = new Map<string, number>()));
    ids.set(id, until);
    total += 1;
  };
  /** In memory at once, so that no other call comes between; the answers are those of the store. */
  const forgetOld = (signer: string): Promise<void>[] => {
    const ids = used.get(signer) ?? new Map<string, number>();
    const old = [...ids].filter(([, until]) => until < clock.now()).map(([id]) => id);
    for (const id of old) ids.delete(id);
    total -= old.length;
    if (ids.size === 0) used.delete(signer);
    return old.map((id) => records.remove('signature_id', recordId(signer, id)));
  };
  const requireRoom = (signer: string): void => {
    const ids = used.get(signer) ?? new Map<string, number>();
    const full = ids.size >= perSigner ? [ids] : total >= inAll ? [...used.values()] : [];
    if (full.length === 0) return;
    const next = Math.min(...full.flatMap((each) => [...each.values()]));
    throw new RpcError(
      ErrorCode.ResourceExhausted,
      'too many signatures are good at this moment for the hub to know which were used; wait until the oldest is not',
      { limit: perSigner, retry_after_ms: Math.max(1_000, next - clock.now()) },
    );
  };

  return {
    async load() {
      for (const record of await records.all<UsedId>('signature_id')) keep(record);
      await Promise.all([...used.keys()].flatMap(forgetOld));
    },
    async use(signer, id, until) {
      const isUsed = (used.get(signer)?.get(id) ?? -Infinity) >= clock.now();
      if (isUsed)
        throw new RpcError(
          ErrorCode.Unauthorized,
          'this signature was used before; sign each call anew, with an id of its own',
          { field: 'signature.id', signature: 'replayed' },
        );
      const removed = Promise.all(
        total >= inAll ? [...used.keys()].flatMap(forgetOld) : forgetOld(signer),
      );
      requireRoom(signer);
      keep({ signer, id, until });
      await removed;
      await records.put('signature_id', recordId(signer, id), { signer, id, until });
    },
  };
}
