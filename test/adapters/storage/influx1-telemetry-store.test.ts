import { join } from 'node:path';
import {
  createInflux1Database,
  type Influx1Settings,
} from '../../../nodes/adapters/storage/influx/influx1-database.ts';
import { createSpooledTelemetryStore } from '../../../nodes/adapters/storage/remote/spooled-telemetry-store.ts';
import { systemClock } from '../../../nodes/runtime/system.ts';
import { remoteDatabaseContract } from '../../contract/remote-database.ts';
import { telemetryStoreContract } from '../../contract/telemetry-store.ts';
import { startInfluxd, type Influxd } from '../../support/influxd.ts';
import { spawnDurableWriter } from '../../support/spawn-durable-writer.ts';

describe('InfluxDB 1', function () {
  this.timeout(30_000);
  let server: Influxd;
  let databases = 0;

  before(async function () {
    server = await startInfluxd(this);
  });
  after(() => (server as Influxd | undefined)?.stop());
  beforeEach(() => {
    databases += 1;
  });
  const settings = (): Influx1Settings => ({
    ...{ url: server.url, database: `hub${databases}`, username: '', password: '' },
    timeoutMs: 20_000,
  });

  remoteDatabaseContract('InfluxDB 1', () => Promise.resolve(createInflux1Database(settings())));

  telemetryStoreContract('InfluxDB 1 behind the spool', {
    open: (folder) =>
      createSpooledTelemetryStore({
        remote: createInflux1Database(settings()),
        file: join(folder, 'spool.db'),
        maxBytes: 1e8,
        clock: systemClock,
      }),
    spawnWriter: (folder) => spawnDurableWriter('influx1', folder, JSON.stringify(settings())),
  });
});
