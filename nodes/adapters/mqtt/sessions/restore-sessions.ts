import type { Principal } from '../../../core/security/types.ts';
import type { SessionRows } from '../../storage/mqtt-sessions/session-rows.ts';
import type { StoredSessions } from '../../storage/mqtt-sessions/session-file.ts';
import type { WriteBehind } from '../../storage/mqtt-sessions/write-behind.ts';
import type { KeptState } from './kept-state.ts';
import type { LeftWill } from './left-wills.ts';
import { fromColumns } from './messages.ts';
import { isExpiredHolder, type SessionHolders } from './session-holders.ts';

/** How often a process notes that it lives. */
export const sessionSweepMs = 60_000;

/** What an earlier process left beside its sessions. */
export interface Restored {
  wills: LeftWill[];
  /** Rows that could not be read, and were dropped. */
  damaged: number;
}

/**
 * Takes over what an earlier process kept. Sessions that expired meanwhile end, and those of keys that are gone.
 * @param deps `isCurrent` tells whether a principal is still somebody
 */
export function restoreSessions(deps: {
  stored: StoredSessions;
  changes: WriteBehind;
  holders: SessionHolders;
  kept: KeptState;
  isCurrent: (principal: Principal) => boolean;
  now: number;
}): Restored {
  const { stored, changes, holders, kept, isCurrent, now } = deps;
  const endedAt = endOf(stored.run, now);
  const { clientIds, damaged } = kept.restore(stored);
  let damagedToo = 0;

  for (const row of stored.sessions) {
    clientIds.add(row.client_id);
    try {
      holders.restore(row, endedAt);
    } catch {
      damagedToo += 1;
      changes.remove('sessions', { client_id: row.client_id });
    }
  }
  const wills = stored.wills.flatMap((row): LeftWill[] => {
    try {
      return [toLeftWill(row, holders.get(row.client_id)?.offlineSince ?? endedAt)];
    } catch {
      damagedToo += 1;
      changes.remove('wills', { client_id: row.client_id });
      return [];
    }
  });
  for (const clientId of clientIds) {
    const holder = holders.get(clientId);
    if (holder && isCurrent(holder.principal) && !isExpiredHolder(holder, now)) continue;
    kept.end(clientId);
    holders.delete(clientId);
  }
  const [current, gone] = [true, false].map((wanted) =>
    wills.filter(({ principal }) => isCurrent(principal) === wanted),
  );
  for (const { clientId } of gone ?? []) changes.remove('wills', { client_id: clientId });
  return { wills: current ?? [], damaged: damaged + damagedToo };
}

/** When the connections of the earlier process ended: some time after it last noted that it lived. */
function endOf(run: SessionRows['run'][], now: number): number {
  const alive = run.find(({ name }) => name === 'alive')?.value ?? now;
  return Math.min(now, alive + sessionSweepMs);
}

function toLeftWill(row: SessionRows['wills'], offlineSince: number): LeftWill {
  const { client_id, principal, delay_seconds, ...message } = row;
  return {
    clientId: client_id,
    principal: JSON.parse(principal) as Principal,
    message: { ...fromColumns(message), clientId: client_id },
    delaySeconds: delay_seconds,
    due: offlineSince + delay_seconds * 1000,
  };
}
