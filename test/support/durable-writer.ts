// Writes to a store without end and prints how many items are acknowledged: a kind of store (see below), folder.
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { openSqliteAuditStore } from '../../nodes/adapters/storage/audit/sqlite-audit-store.ts';
import {
  createInflux1Database,
  type Influx1Settings,
} from '../../nodes/adapters/storage/influx/influx1-database.ts';
import { createPostgresDatabase } from '../../nodes/adapters/storage/postgres/postgres-database.ts';
import type { PostgresOptions } from '../../nodes/adapters/storage/postgres/target.ts';
import { createSpooledTelemetryStore } from '../../nodes/adapters/storage/remote/spooled-telemetry-store.ts';
import { createSqliteRecordStore } from '../../nodes/adapters/storage/sqlite-record-store.ts';
import { createSqliteTelemetryStore } from '../../nodes/adapters/storage/sqlite/sqlite-telemetry-store.ts';
import type { TelemetryStore } from '../../nodes/core/telemetry/ports.ts';
import type { RemoteDatabase } from '../../nodes/core/telemetry/remote.ts';
import { systemClock } from '../../nodes/runtime/system.ts';
import { createMemoryRemote } from './memory-remote.ts';

type Write = (first: number, count: number) => Promise<unknown>;

const numbers = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => first + i);

/** Reading i at timestamp i, or so many times i, with value i; the timestamps begin again after `period`. */
const writeTo =
  (store: TelemetryStore, period = Infinity, step = 1): Write =>
  (first, count) =>
    store.write(
      numbers(first, count).map((n) => ({
        ...{
          device_id: 'd',
          measurement_type: 'n',
          unit: 'count',
          timestamp: (n % period) * step,
          value: n,
        },
      })),
    );

/** The database elsewhere is never there, or comes and goes. */
async function openSpooled(folder: string, comes: boolean): Promise<TelemetryStore> {
  const remote = createMemoryRemote(join(folder, 'journal'));
  const goOrCome = (): void => {
    if (comes && remote.faults.away !== undefined) delete remote.faults.away;
    else remote.faults.away = 'away';
  };
  goOrCome();
  setInterval(goOrCome, 15);
  return createSpooledTelemetryStore({
    ...{ remote, file: join(folder, 'spool.db'), maxBytes: 1e9, clock: systemClock },
    ...{ firstRetryMs: 1, lastRetryMs: 5 },
  });
}

/** How to reach a database elsewhere. */
const settings = (): unknown => JSON.parse(process.argv[4] ?? '');

const openRemote = (remote: RemoteDatabase, folder: string): Promise<TelemetryStore> =>
  createSpooledTelemetryStore({
    ...{ remote, file: join(folder, 'spool.db'), maxBytes: 1e9, clock: systemClock },
  });

const kinds = {
  async records(folder: string): Promise<Write> {
    const store = await createSqliteRecordStore({ file: join(folder, 'hub.db') });
    return (first, count) =>
      Promise.all(numbers(first, count).map((n) => store.put('device', String(n), { n })));
  },
  async audit(folder: string): Promise<Write> {
    const { store } = await openSqliteAuditStore({ file: join(folder, 'audit.db') });
    return (first, count) => store.append(numbers(first, count).map((n) => JSON.stringify({ n })));
  },
  telemetry: async (folder: string): Promise<Write> =>
    writeTo(
      await createSqliteTelemetryStore({ file: join(folder, 'telemetry.db'), moveAtRows: 500 }),
    ),
  /** Readings ten seconds apart, and rollups made of them all the time. */
  rollups: async (folder: string): Promise<Write> => {
    const file = join(folder, 'telemetry.db');
    const store = await createSqliteTelemetryStore({ file, moveAtRows: 500, rollUpEveryMs: 1 });
    return writeTo(store, Infinity, 10_000);
  },
  spool: async (folder: string): Promise<Write> => writeTo(await openSpooled(folder, false)),
  'spool-and-database': async (folder: string): Promise<Write> =>
    writeTo(await openSpooled(folder, true)),
  'spool-and-database-rewriting': async (folder: string): Promise<Write> =>
    writeTo(await openSpooled(folder, true), 100),
  postgres: async (folder: string): Promise<Write> =>
    writeTo(await openRemote(createPostgresDatabase(settings() as PostgresOptions), folder)),
  influx1: async (folder: string): Promise<Write> =>
    writeTo(await openRemote(createInflux1Database(settings() as Influx1Settings), folder)),
};
export type DurableKind = keyof typeof kinds;

const [kind, folder = '.'] = process.argv.slice(2);
const write = await kinds[kind as DurableKind](folder);
for (let count = 0; ;) {
  const batch = 1 + Math.floor(Math.random() * 60);
  await write(count, batch);
  count += batch;
  await print(`${count}\n`);
}

/** At once and whole, so that nothing printed is lost with the process; waits while the pipe is full. */
async function print(text: string): Promise<void> {
  for (;;) {
    try {
      writeSync(1, text);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      await new Promise(setImmediate);
    }
  }
}
