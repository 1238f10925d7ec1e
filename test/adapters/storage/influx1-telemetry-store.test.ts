import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createInflux1Database,
  type Influx1Settings,
} from '../../../nodes/adapters/storage/influx/influx1-database.ts';
import { createSpooledTelemetryStore } from '../../../nodes/adapters/storage/remote/spooled-telemetry-store.ts';
import type { TelemetryStore } from '../../../nodes/core/telemetry/ports.ts';
import { systemClock } from '../../../nodes/runtime/system.ts';
import { remoteDatabaseContract } from '../../contract/remote-database.ts';
import { telemetryStoreContract } from '../../contract/telemetry-store.ts';
import { startInfluxd, type Influxd } from '../../support/influxd.ts';
import { spawnDurableWriter } from '../../support/spawn-durable-writer.ts';
import { until } from '../../support/until.ts';

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

  it('gets all that was acknowledged while it was away, in the order it came', async function () {
    const folder = await mkdtemp(join(tmpdir(), 'influx1-'));
    const own = await startInfluxd(this);
    let store: TelemetryStore | undefined;
    try {
      const opened = (store = await createSpooledTelemetryStore({
        remote: createInflux1Database({ ...settings(), url: own.url }),
        ...{ file: join(folder, 'spool.db'), maxBytes: 1e8, clock: systemClock },
        ...{ firstRetryMs: 20, lastRetryMs: 200 },
      }));
      const write = async (from: number, value: number): Promise<void> => {
        for (let i = from; i < from + 2_000; i += 100) {
          const result = await opened.write(
            Array.from({ length: 100 }, (_, at) => ({
              ...{ device_id: 'd', measurement_type: 't', timestamp: i + at, value },
            })),
          );
          assert.deepEqual(result, { stored: 100, rejected: [] });
        }
      };
      await write(0, 1);
      await own.kill();
      await write(1_000, 2);
      await write(2_000, 3);
      const away = await opened.health();
      assert.equal(away.ok, false);
      assert.equal(away.spool?.readings, 4_000);
      await own.restart();
      await until('it is all there', async () => (await opened.health()).spool?.readings === 0);
      const question = { device_ids: ['d'], start: 0, end: 10_000, limit: 10_000 };
      const [series] = (await opened.query(question)).series;
      assert.deepEqual(
        series?.points.map(({ value }) => value),
        Array.from({ length: 4_000 }, (_, i) => (i < 1_000 ? 1 : i < 2_000 ? 2 : 3)),
      );
    } finally {
      await store?.close();
      await own.stop();
      await rm(folder, { recursive: true });
    }
  });
});
