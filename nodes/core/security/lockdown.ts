import type { Clock } from '../clock.ts';
import type { RecordStore } from '../records.ts';
import type { Principal } from './types.ts';

/** Since when the LLMs are shut out, by whom and why. */
export interface LockdownState {
  active: boolean;
  /** ISO 8601. */
  since?: string;
  by?: string;
  reason?: string;
}

/** The one switch that shuts out every LLM, whatever key or token it holds. Kept over a restart. */
export interface Lockdown {
  load(): Promise<void>;
  state(): LockdownState;
  /** Whether this one is shut out now: every `llm_*` role, but not the administrator's first key. */
  shutsOut(principal: Principal): boolean;
  /** Holds at once, and resolves when that is kept. */
  set(active: boolean, by: string, reason: string | undefined): Promise<LockdownState>;
}

/** The key that was made when the hub was first started: it opens again what was shut. */
export const firstAdminId = 'admin';
const stateId = 'lockdown';

export function createLockdown(deps: { records: RecordStore; clock: Clock }): Lockdown {
  const { records, clock } = deps;
  let state: LockdownState = { active: false };

  return {
    async load() {
      [state = state] = await records.all<LockdownState>('lockdown');
    },
    state: () => state,
    shutsOut: ({ id, role }) => state.active && role.startsWith('llm_') && id !== firstAdminId,
    async set(active, by, reason) {
      if (active !== state.active) {
        const since = new Date(clock.now()).toISOString();
        state = { active, since, by, ...(reason !== undefined && { reason }) };
        await records.put('lockdown', stateId, state);
      }
      return state;
    },
  };
}
