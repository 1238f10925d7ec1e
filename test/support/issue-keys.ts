import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSqliteRecordStore } from '../../nodes/adapters/storage/sqlite-record-store.ts';
import { createKeyRing } from '../../nodes/core/security/key-ring.ts';
import type { KeyRecord } from '../../nodes/core/security/types.ts';
import { systemClock, systemIds } from '../../nodes/runtime/system.ts';
import { createMemoryLog } from './domain.ts';

type Holder = Pick<KeyRecord, 'role' | 'scope'>;

/** A key as it is given out, and the id that is its user name over MQTT. */
export interface IssuedKey {
  key: string;
  id: string;
}

/** Real keys in a data directory, a new one unless told, for a hub that is started on it. */
export async function issueKeys<Name extends string>(
  holders: Record<Name, Holder>,
  directory?: string,
): Promise<{ dataDir: string; keys: Record<Name, IssuedKey> }> {
  const dataDir = directory ?? (await mkdtemp(join(tmpdir(), 'llm-iot-hub-')));
  const records = await createSqliteRecordStore({
    file: join(dataDir, 'hub.db'),
    log: createMemoryLog(),
  });
  try {
    const ring = createKeyRing({ records, ids: systemIds, clock: systemClock });
    const issued = await Promise.all(
      Object.entries<Holder>(holders).map(async ([name, holder]) => {
        const { key, record } = await ring.issue(holder);
        return [name, { key, id: record.id }] as const;
      }),
    );
    return { dataDir, keys: Object.fromEntries(issued) as Record<Name, IssuedKey> };
  } finally {
    await records.close();
  }
}
