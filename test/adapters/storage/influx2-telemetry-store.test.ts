import { join } from 'node:path';
import { createInflux2Database } from '../../../nodes/adapters/storage/influx/influx2-database.ts';
import { createSpooledTelemetryStore } from '../../../nodes/adapters/storage/remote/spooled-telemetry-store.ts';
import { systemClock } from '../../../nodes/runtime/system.ts';
import { telemetryStoreContract } from '../../contract/telemetry-store.ts';
import {
  organization,
  startInflux2Server,
  type Influx2Server,
} from '../../support/influx2-server/influx2-server.ts';

describe('InfluxDB 2 behind the spool (strict server)', function () {
  // Every question goes through the checker of Flux.
  this.timeout(60_000);
  let server: Influx2Server;
  beforeEach(async () => {
    server = await startInflux2Server();
  });
  afterEach(() => server.close());

  telemetryStoreContract('InfluxDB 2', {
    open: (folder) =>
      createSpooledTelemetryStore({
        remote: createInflux2Database({
          ...{ url: server.url, organization, bucket: 'hub', token: 'all', timeoutMs: 10_000 },
        }),
        file: join(folder, 'spool.db'),
        maxBytes: 1e8,
        clock: systemClock,
      }),
  });
});
