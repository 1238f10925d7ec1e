import type { Clock } from '../clock.ts';
import type { RecordStore } from '../records.ts';
import { createSerially } from '../serial.ts';
import type { Mac, SecretBox } from './ports.ts';
import { newSigningSecret } from './signature.ts';

/** Whose secret it is: a caller's, by the id of its principal, or a device's. */
export type Signer = `caller:${string}` | `device:${string}`;

/** How many secrets of one signer are good at a time. */
const mostAtOnce = 3;

interface SecretsRecord {
  signer: Signer;
  /** The newest first. Times are milliseconds since the epoch. */
  secrets: { sealed: string; created_at: number; good_until?: number }[];
}

/** Signing secrets by who signs with them; sealed wherever they are kept. */
export interface SigningSecrets {
  load(): Promise<void>;
  /**
   * Makes a secret; it is in this answer and nowhere else. Earlier ones stay good for a while, three at a time.
   * @param overlapMs how long; 0 ends them at once
   */
  issue(signer: Signer, overlapMs: number): Promise<{ secret: string; others: number }>;
  has(signer: Signer): boolean;
  /** The secrets that are good now, the newest first. @throws Error when they cannot be opened */
  of(signer: Signer): string[];
  remove(signer: Signer): Promise<void>;
}

export function createSigningSecrets(deps: {
  records: RecordStore;
  box: SecretBox;
  mac: Mac;
  clock: Clock;
}): SigningSecrets {
  const { records, box, mac, clock } = deps;
  const kept = new Map<Signer, SecretsRecord>();
  const serially = createSerially();

  const good = (signer: Signer): SecretsRecord['secrets'] =>
    (kept.get(signer)?.secrets ?? []).filter(
      ({ good_until }) => good_until === undefined || good_until > clock.now(),
    );
  const purpose = (signer: Signer): string => `signing_secret ${mac.of('', signer)}`;

  return {
    async load() {
      for (const record of await records.all<SecretsRecord>('signing_secret'))
        kept.set(record.signer, record);
    },
    issue: (signer, overlapMs) =>
      serially(signer, async () => {
        const secret = newSigningSecret(mac);
        const now = clock.now();
        const until = now + overlapMs;
        const others = good(signer)
          .map((each) => ({ ...each, good_until: Math.min(each.good_until ?? Infinity, until) }))
          .filter(({ good_until }) => good_until > now)
          .slice(0, mostAtOnce - 1);
        const newest = { sealed: box.seal(secret, purpose(signer)), created_at: now };
        const record: SecretsRecord = { signer, secrets: [newest, ...others] };
        await records.put('signing_secret', signer, record);
        kept.set(signer, record);
        return { secret, others: others.length };
      }),
    has: (signer) => good(signer).length > 0,
    of: (signer) => good(signer).map(({ sealed }) => box.open(sealed, purpose(signer))),
    remove: (signer) =>
      serially(signer, async () => {
        if (!kept.delete(signer)) return;
        await records.remove('signing_secret', signer);
      }),
  };
}
