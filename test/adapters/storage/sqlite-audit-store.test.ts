import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { openSqliteAuditStore } from '../../../nodes/adapters/storage/audit/sqlite-audit-store.ts';
import { verifyAuditLog } from '../../../nodes/adapters/storage/audit/read-audit-log.ts';
import { createAuditLog } from '../../../nodes/core/security/audit-log.ts';
import { canonical } from '../../../nodes/core/schema/canonical.ts';
import { createMemoryLog } from '../../support/domain.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { hubCli } from '../../support/hub-cli.ts';
import { spawnDurableWriter } from '../../support/spawn-durable-writer.ts';

const dayMs = 86_400_000;
const start = Date.UTC(2026, 0, 1);
const eventOf = (n: number, more: object = {}): string =>
  canonical({
    ...{ at: new Date(start + n * 1_000).toISOString(), action: 'command', outcome: 'ok' },
    ...{ subject: `c${n % 3}`, device_id: `d${n % 2}`, principal: { id: `p${n % 5}` }, ...more },
  });
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe('the audit log in SQLite', function () {
  this.timeout(30_000);
  let folder: string;
  let file: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'audit-'));
    file = join(folder, 'audit.db');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const written = async (count: number): Promise<void> => {
    const { store } = await openSqliteAuditStore({ file });
    await store.append(numbers(count).map((n) => eventOf(n)));
    await store.close();
  };
  /** Changes the file behind the hub's back, triggers or not. */
  const tamper = (sql: string): void => {
    const db = new DatabaseSync(file);
    const triggers = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").all();
    for (const { name } of triggers) db.exec(`DROP TRIGGER ${String(name)}`);
    db.exec(sql);
    db.close();
  };

  it('is append-only', async () => {
    await written(10);
    const db = new DatabaseSync(file);
    for (const sql of [
      "UPDATE events SET event = '{}' WHERE seq = 3",
      'DELETE FROM events WHERE seq = 10',
      'DELETE FROM events',
      "INSERT INTO events (seq, hash, event) VALUES (20, 'x', '{}')",
      "INSERT OR REPLACE INTO events (seq, hash, event) VALUES (3, 'x', '{}')",
      "UPDATE anchor SET seq = 5, hash = 'x'",
      'DELETE FROM anchor',
    ])
      assert.throws(() => db.exec(sql), /append-only|anchor/, sql);
    db.close();
    assert.equal(verifyAuditLog(file).rows, 10);
  });

  it('finds by every filter, newest first', async () => {
    await written(30);
    const { store } = await openSqliteAuditStore({ file });
    const seqs = async (equal: object, more: object = {}): Promise<number[]> =>
      (await store.query({ equal, limit: 1_000, ...more })).map(({ seq }) => seq);
    assert.deepEqual(await seqs({}, { limit: 3 }), [30, 29, 28]);
    assert.deepEqual(await seqs({}, { limit: 2, before: 28 }), [27, 26]);
    assert.deepEqual(await seqs({ principal_id: 'p1', device_id: 'd0' }), [27, 17, 7]);
    assert.deepEqual(await seqs({ subject: 'c2' }, { before: 10 }), [9, 6, 3]);
    assert.deepEqual(await seqs({ action: 'key' }), []);
    const since = new Date(start + 4_000).toISOString();
    const until = new Date(start + 6_000).toISOString();
    assert.deepEqual(await seqs({}, { since, until }), [6, 5]);
    await store.close();
  });

  it('goes on with its chain when it is opened again', async () => {
    await written(5);
    await written(5);
    const { rows, head, broken } = verifyAuditLog(file);
    assert.deepEqual({ rows, seq: head.seq, broken }, { rows: 10, seq: 10, broken: undefined });
  });

  it('says at which row it was tampered with, by the command', async () => {
    await written(20);
    const { head } = verifyAuditLog(file);
    const whole = await hubCli(folder, 'audit', 'verify', '--expect', `20:${head.hash}`);
    assert.match(whole, new RegExp(`whole: 20 rows\\nhead 20:${head.hash}`));
    const broken = (sql: string, what: RegExp, ...more: string[]) => {
      tamper(sql);
      return assert.rejects(hubCli(folder, 'audit', 'verify', ...more), what);
    };
    await broken(
      'DELETE FROM events WHERE seq = 20',
      /ends at row 19/,
      '--expect',
      `20:${head.hash}`,
    );
    assert.match(await hubCli(folder, 'audit', 'verify'), /whole: 19 rows/);
    await broken(
      `UPDATE events SET event = replace(event, 'ok', 'no') WHERE seq = 12`,
      /BROKEN at row 12/,
    );
    await broken('DELETE FROM events WHERE seq = 7', /BROKEN at row 7: row 7 is missing/);
    await broken(
      "INSERT INTO events (seq, hash, event) VALUES (0, 'x', '{}')",
      /row 0 was inserted/,
    );
    await broken('DELETE FROM anchor', /no anchor/);
  });

  it('prunes by age and by size, and what is left is whole', async () => {
    const { store } = await openSqliteAuditStore({ file });
    const clock = createFakeClock(start + 40 * dayMs);
    const text = 'x'.repeat(1_000);
    await store.append(numbers(6_000).map((n) => eventOf(n)));
    const kept = numbers(2_000).map((n) => eventOf(35 * 86_400 + n, { reason: text }));
    await store.append(kept);
    const maxBytes = 1_500_000;
    const log = createAuditLog({
      ...{ store, clock, log: createMemoryLog() },
      retention: { days: 30, maxBytes },
    });
    clock.advance(0);
    let pruned: Record<string, unknown> | undefined;
    while (!pruned) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      const { events } = await log.query({ subject: 'audit.retention' });
      pruned = events[0]?.details;
    }
    await log.close();
    const { anchor, rows, head, broken } = verifyAuditLog(file);
    assert.equal(broken, undefined);
    assert.ok(anchor.seq > 6_000 && anchor.seq < 8_000, `pruned up to ${anchor.seq}`);
    assert.deepEqual([head.seq, rows], [8_001, 8_001 - anchor.seq]);
    assert.deepEqual([pruned['up_to'], pruned['hash']], [anchor.seq, anchor.hash]);
    await assert.rejects(
      hubCli(folder, 'audit', 'verify', '--expect', `9:${'0'.repeat(64)}`),
      /removed by retention/,
    );
    tamper(`DELETE FROM events WHERE seq = ${anchor.seq + 1}`);
    assert.ok(verifyAuditLog(file).broken);
  });

  it('exports lines of JSON by which the hashes can be checked', async () => {
    await written(10);
    const out = join(folder, 'out.jsonl');
    const since = new Date(start + 3_000).toISOString();
    await hubCli(folder, 'audit', 'export', '--since', since, '--out', out);
    const lines = (await readFile(out, 'utf8')).trimEnd().split('\n');
    assert.equal(lines.length, 7);
    const first = JSON.parse(lines[0] ?? '') as { seq: number; event: { subject: string } };
    assert.deepEqual([first.seq, first.event.subject], [4, 'c0']);
    await assert.rejects(hubCli(folder, 'audit', 'export', '--out', out), /EEXIST/);
    await assert.rejects(hubCli(folder, 'audit', 'export', '--since', 'once'), /ISO 8601/);
  });

  it('puts a damaged file aside and begins a new chain', async () => {
    await written(10);
    const bytes = await readFile(file);
    await writeFile(file, bytes.fill(0xff, 4_096));
    const { store, note } = await openSqliteAuditStore({ file });
    assert.match(note ?? '', /put aside as .*a new chain begins/);
    await store.close();
    assert.equal(verifyAuditLog(file).rows, 0);
  });

  it('has everything that was durable after kill -9, whole', async () => {
    const writer = spawnDurableWriter('audit', folder);
    let acknowledged = 0;
    for await (const line of createInterface({ input: writer.stdout as NodeJS.ReadableStream })) {
      acknowledged = Number(line);
      if (acknowledged > 2_000) writer.kill('SIGKILL');
    }
    if (writer.exitCode === null && writer.signalCode === null) await once(writer, 'exit');
    const { rows, broken } = verifyAuditLog(file);
    assert.equal(broken, undefined);
    assert.ok(rows >= acknowledged, `${rows} of ${acknowledged}`);
    await written(1);
    assert.equal(verifyAuditLog(file).rows, rows + 1);
  });
});
