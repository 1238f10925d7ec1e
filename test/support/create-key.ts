import type { Role, Scope } from '../../nodes/core/security/types.ts';
import { ask } from './hub-client.ts';
import type { RunningHub } from './hub-process.ts';

/** A key as it is given out, and its id, which is its user name over MQTT. */
export interface CreatedKey {
  key: string;
  id: string;
}

/** A key of the running hub, by `key.create`. */
export async function createKey(hub: RunningHub, role: Role, scope?: Scope): Promise<CreatedKey> {
  const { key, key_id } = await ask(hub, 'key.create', { role, ...(scope && { scope }) });
  return { key, id: key_id };
}
