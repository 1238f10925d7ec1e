import { join } from 'node:path';
import { createPostgresDatabase } from '../../../nodes/adapters/storage/postgres/postgres-database.ts';
import { createSpooledTelemetryStore } from '../../../nodes/adapters/storage/remote/spooled-telemetry-store.ts';
import type { RemoteDatabase } from '../../../nodes/core/telemetry/remote.ts';
import { systemClock } from '../../../nodes/runtime/system.ts';
import { remoteDatabaseContract } from '../../contract/remote-database.ts';
import { telemetryStoreContract } from '../../contract/telemetry-store.ts';
import { startPostgresServer, type PostgresServer } from '../../support/postgres-server.ts';
import { spawnDurableWriter } from '../../support/spawn-durable-writer.ts';

describe('PostgreSQL', function () {
  this.timeout(30_000);
  let server: PostgresServer;
  let databases = 0;

  before(async function () {
    server = await startPostgresServer(this);
  });
  after(() => server.stop());
  beforeEach(() => {
    databases += 1;
  });
  const settings = () => {
    const { url, username, password } = server;
    return { url, username, password, database: `hub${databases}` };
  };

  remoteDatabaseContract(
    'PostgreSQL',
    (): Promise<RemoteDatabase> => Promise.resolve(createPostgresDatabase(settings())),
    true,
  );

  telemetryStoreContract('PostgreSQL behind the spool', {
    open: (folder) =>
      createSpooledTelemetryStore({
        remote: createPostgresDatabase(settings()),
        file: join(folder, 'spool.db'),
        maxBytes: 1e8,
        clock: systemClock,
      }),
    spawnWriter: (folder) => spawnDurableWriter('postgres', folder, JSON.stringify(settings())),
  });
});
