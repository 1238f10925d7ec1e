import { join } from 'node:path';
import { createInflux3Database } from '../../../nodes/adapters/storage/influx/influx3-database.ts';
import { createSpooledTelemetryStore } from '../../../nodes/adapters/storage/remote/spooled-telemetry-store.ts';
import { systemClock } from '../../../nodes/runtime/system.ts';
import { telemetryStoreContract } from '../../contract/telemetry-store.ts';
import {
  startInflux3Server,
  type Influx3Server,
} from '../../support/influx3-server/influx3-server.ts';

describe('InfluxDB 3 behind the spool (strict server)', function () {
  // A question to the server of the tests takes far longer than one to the real one.
  this.timeout(60_000);
  let server: Influx3Server;
  beforeEach(async () => {
    server = await startInflux3Server();
  });
  afterEach(() => server.close());

  telemetryStoreContract('InfluxDB 3', {
    open: (folder) =>
      createSpooledTelemetryStore({
        remote: createInflux3Database({
          ...{ url: server.url, database: 'hub', token: 'all', timeoutMs: 10_000 },
        }),
        file: join(folder, 'spool.db'),
        maxBytes: 1e8,
        clock: systemClock,
      }),
  });
});
