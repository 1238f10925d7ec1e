import type { Ids } from '../core/ids.ts';
import type { KeyRing } from '../core/security/types.ts';

const admin = { id: 'admin', role: 'llm_admin' } as const;
const registration = { id: 'registration', role: 'device', registration: true } as const;

/** Keys that were made just now: shown to a person once, kept nowhere. */
export interface NewHubKeys {
  admin?: string;
  registration?: string;
}

/** Sees to it that there is an admin and a registration key: the ones given, else those kept, else new ones. */
export async function ensureHubKeys(
  keys: KeyRing,
  ids: Ids,
  given: { adminKey: string | undefined; registrationKey: string | undefined },
): Promise<NewHubKeys> {
  const ensure = async (
    holder: typeof admin | typeof registration,
    wanted: string | undefined,
    prefix: string,
  ): Promise<string | undefined> => {
    if (wanted === undefined && keys.has(holder.id)) return undefined;
    const key = wanted ?? ids.secret(prefix);
    await keys.adopt(key, holder);
    return wanted === undefined ? key : undefined;
  };
  const adminKey = await ensure(admin, given.adminKey, 'admin');
  const registrationKey = await ensure(registration, given.registrationKey, 'register');
  return {
    ...(adminKey ? { admin: adminKey } : {}),
    ...(registrationKey ? { registration: registrationKey } : {}),
  };
}
