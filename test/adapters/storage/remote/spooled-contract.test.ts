import { join } from 'node:path';
import {
  createSpooledTelemetryStore,
  type SpooledStoreOptions,
} from '../../../../nodes/adapters/storage/remote/spooled-telemetry-store.ts';
import { systemClock } from '../../../../nodes/runtime/system.ts';
import { telemetryStoreContract } from '../../../contract/telemetry-store.ts';
import { createMemoryRemote, type RemoteFaults } from '../../../support/memory-remote.ts';
import { spawnDurableWriter } from '../../../support/spawn-durable-writer.ts';

const variants: [string, RemoteFaults, Partial<SpooledStoreOptions>][] = [
  ['A database elsewhere', {}, {}],
  ['A database elsewhere that is slow', { delayMs: 3 }, { slowMs: 2, maxCommitReadings: 30 }],
  [
    'A database elsewhere that answers questions and takes no readings',
    { hold: new Promise(() => undefined) },
    { slowMs: 1, closeMs: 20 },
  ],
];
for (const [name, faults, tuning] of variants)
  telemetryStoreContract(name, {
    spawnWriter: (folder) => spawnDurableWriter('spool-and-database', folder),
    open(folder) {
      const remote = createMemoryRemote(join(folder, 'journal'));
      Object.assign(remote.faults, faults);
      return createSpooledTelemetryStore({
        ...{ remote, file: join(folder, 'spool.db'), maxBytes: 1e9, clock: systemClock },
        ...tuning,
      });
    },
  });
