// Rows into a table like the store's own, with nothing around it: what the store cannot exceed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const perTransaction = 1000;

/** @param {{ runMs: number }} options @returns {Promise<{ rate: number }>} rows per second */
export async function run({ runMs }) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-sqlite-'));
  const db = new DatabaseSync(join(folder, 'rows.db'));
  try {
    db.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;' +
        'CREATE TABLE hot (series INTEGER, timestamp INTEGER, number REAL, text TEXT, quality INTEGER)',
    );
    const insert = db.prepare('INSERT INTO hot VALUES (?, ?, ?, ?, ?)');
    const start = Date.now();
    const begin = performance.now();
    let rows = 0;
    while (performance.now() - begin < runMs) {
      db.exec('BEGIN');
      for (let i = 0; i < perTransaction; i++, rows++)
        insert.run(rows % 100, start + rows, 20 + (rows % 90) / 10, null, 0);
      db.exec('COMMIT');
    }
    return { rate: (rows * 1000) / (performance.now() - begin) };
  } finally {
    db.close();
    rmSync(folder, { recursive: true });
  }
}
