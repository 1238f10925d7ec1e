import assert from 'node:assert/strict';
import type { AuditEvent } from '../../../nodes/core/security/audit.ts';
import type { ChainRow } from '../../../nodes/core/security/audit-chain.ts';
import { createAuditLog, type AuditLogLimits } from '../../../nodes/core/security/audit-log.ts';
import { createMemoryLog } from '../../support/domain.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const at = '2026-01-01T00:00:00.000Z';
const refusal: AuditEvent = {
  at,
  action: 'refusal',
  outcome: 'refused',
  subject: 'key.list',
  address: '192.0.2.1',
};
const command: AuditEvent = { at, action: 'command', outcome: 'ok', subject: 'on' };

/** A log over a store in memory that can be full. */
function createRig(limits: Partial<AuditLogLimits> = {}) {
  const clock = createFakeClock();
  const log = createMemoryLog();
  const rows: AuditEvent[] = [];
  const groups: number[] = [];
  const disk = { full: false };
  const audit = createAuditLog({
    store: {
      append(events) {
        if (disk.full) return Promise.reject(new Error('the disk is full'));
        groups.push(events.length);
        rows.push(...events.map((event) => JSON.parse(event) as AuditEvent));
        return Promise.resolve();
      },
      query: () => Promise.resolve<ChainRow[]>([]),
      prune: () => Promise.resolve({ rows: 0, anchor: { seq: 0, hash: '' } }),
      backup: () => Promise.resolve(),
      close: () => Promise.resolve(),
    },
    retention: { days: 0, maxBytes: 0 },
    clock,
    log,
    limits,
  });
  return { audit, clock, log, rows, groups, disk };
}

describe('the audit log', () => {
  it('writes the first of what is the same at once, and the rest as one with its count', async () => {
    const { audit, clock, rows } = createRig();
    for (let i = 0; i < 1_000; i++)
      audit.write({ ...refusal, at: `2026-01-01T00:00:${10 + (i % 50)}Z` });
    audit.write({ ...refusal, address: '192.0.2.2' });
    await audit.settled();
    assert.deepEqual(
      rows.map(({ count }) => count),
      [undefined, undefined],
    );
    clock.advance(60_000);
    await audit.settled();
    assert.equal(rows.length, 3);
    const { count, since, address } = rows[2] as AuditEvent;
    assert.deepEqual(
      { count, since, address },
      { count: 999, since: '2026-01-01T00:00:11Z', address: '192.0.2.1' },
    );
  });

  it('keeps a flood of ever different refusals small, and loses none of the count', async () => {
    const { audit, clock, rows } = createRig({ mostKinds: 100 });
    for (let i = 0; i < 50_000; i++) audit.write({ ...refusal, subject: `no.${i}` });
    clock.advance(60_000);
    await audit.settled();
    assert.equal(rows.length, 101);
    const told = rows.reduce((sum, { count = 1 }) => sum + count, 0);
    assert.equal(told, 50_000);
    assert.deepEqual(rows.at(-1)?.details?.['addresses'], ['192.0.2.1']);
  });

  it('never folds commands and changes of keys', async () => {
    const { audit, rows, groups } = createRig({ mostKinds: 0 });
    const events = [command, { ...command, action: 'key' as const, subject: 'key.create' }];
    for (let i = 0; i < 700; i++) for (const event of events) audit.write(event);
    await audit.settled();
    assert.equal(rows.length, 1_400);
    assert.ok(groups.length <= 5, `written in ${groups.length} groups`);
  });

  it('holds what a full disk does not take, refuses commands when too much waits, and writes it all later', async () => {
    const { audit, clock, rows, disk, log } = createRig({ mostWaiting: 10 });
    disk.full = true;
    for (let i = 0; i < 9; i++) audit.write(command);
    await audit.settled();
    audit.requireRoom();
    audit.write(command);
    assert.throws(() => audit.requireRoom(), { code: -32006 });
    for (let i = 0; i < 500; i++) audit.write(refusal);
    audit.write(command);
    clock.advance(120_000);
    await audit.settled();
    assert.equal(rows.length, 0);
    disk.full = false;
    clock.advance(1_000);
    await audit.settled();
    assert.equal(rows.length, 11);
    audit.requireRoom();
    clock.advance(60_000);
    await audit.settled();
    assert.equal(
      rows.reduce((sum, { count = 1 }) => sum + count, 0),
      511,
    );
    assert.equal(log.lines.filter((line) => line.includes('cannot be written')).length, 1);
  });

  it('writes what was counted when it is closed', async () => {
    const { audit, rows } = createRig();
    for (let i = 0; i < 3; i++) audit.write(refusal);
    await audit.close();
    assert.deepEqual(
      rows.map(({ count = 1 }) => count),
      [1, 2],
    );
    audit.write(command);
    assert.equal(rows.length, 2);
  });

  it('reads its queries strictly', async () => {
    const { audit } = createRig();
    for (const params of [
      { since: 'yesterday' },
      { until: 5 },
      { action: 'drop' },
      { outcome: 'fine' },
      { transport: 'pigeon' },
      { limit: 0 },
      { limit: 1001 },
      { limit: 1.5 },
      { cursor: '1 OR 1=1' },
      { subject: 'x'.repeat(257) },
      { principal_id: {} },
    ])
      await assert.rejects(audit.query(params), { code: -32602 }, JSON.stringify(params));
  });
});
