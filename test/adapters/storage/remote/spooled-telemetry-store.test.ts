import { join } from 'node:path';
import { createSpooledTelemetryStore } from '../../../../nodes/adapters/storage/remote/spooled-telemetry-store.ts';
import { systemClock } from '../../../../nodes/runtime/system.ts';
import { telemetryStoreContract } from '../../../contract/telemetry-store.ts';
import { createMemoryRemote } from '../../../support/memory-remote.ts';

telemetryStoreContract('a database elsewhere', {
  open: (folder) =>
    createSpooledTelemetryStore({
      remote: createMemoryRemote(join(folder, 'journal')),
      file: join(folder, 'spool.db'),
      maxBytes: 1e9,
      clock: systemClock,
    }),
});
