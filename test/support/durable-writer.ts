// Writes to the SQLite stores without end and prints how many items are acknowledged: `telemetry` or `records`, folder.
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { createSqliteRecordStore } from '../../nodes/adapters/storage/sqlite-record-store.ts';
import { createSqliteTelemetryStore } from '../../nodes/adapters/storage/sqlite/sqlite-telemetry-store.ts';

const [kind, folder = '.'] = process.argv.slice(2);

async function openWrite(): Promise<(first: number, count: number) => Promise<unknown>> {
  const numbers = (first: number, count: number) =>
    Array.from({ length: count }, (_, i) => first + i);
  if (kind === 'records') {
    const store = await createSqliteRecordStore({ file: join(folder, 'hub.db') });
    return (first, count) =>
      Promise.all(numbers(first, count).map((n) => store.put('device', String(n), { n })));
  }
  const store = await createSqliteTelemetryStore({
    file: join(folder, 'telemetry.db'),
    moveAtRows: 500,
  });
  return (first, count) =>
    store.write(
      numbers(first, count).map((n) => ({
        ...{ device_id: 'd', measurement_type: 'n', unit: 'count', timestamp: n, value: n },
      })),
    );
}

const write = await openWrite();
for (let count = 0; ;) {
  const batch = 1 + Math.floor(Math.random() * 60);
  await write(count, batch);
  count += batch;
  // At once and whole, so that nothing printed is lost with the process.
  writeSync(1, `${count}\n`);
}
