import { join } from 'node:path';
import { openSqliteAuditStore } from '../adapters/storage/audit/sqlite-audit-store.ts';
import type { Clock } from '../core/clock.ts';
import { markUntrusted } from '../core/untrusted.ts';
import type { JsonObject } from '../core/document.ts';
import type { Log } from '../core/log.ts';
import type { CommandRecorder } from '../core/command/on-record.ts';
import type { OnRefused } from '../core/rpc/dispatcher.ts';
import { createAuditTrail, type AuditEntry, type AuditTrail } from '../core/security/audit.ts';
import { createAuditLog, type AuditLog, type AuditPage } from '../core/security/audit-log.ts';
import { createBoundedMap } from '../core/security/bounded-map.ts';
import { defaultAuditSettings } from './audit-settings.ts';
import type { AuditSettings } from './settings.ts';

/** The audit trail with its log on disk. */
export interface HubAudit {
  audit: AuditTrail;
  auditLog: AuditLog;
  /** For the nodes: `audit.query`. */
  queryAudit(params: JsonObject): Promise<AuditPage & { untrusted: string[] }>;
  /** A log whose errors go on record, too: what stores say when a file is damaged or a disk is full. */
  tellingErrors(log: Log): Log;
  commandsOnRecord: CommandRecorder;
  /** For the dispatcher: a call that was not allowed. */
  onRefused: OnRefused;
  close(): Promise<void>;
}

/** What callers and devices made up: names they used, and what they said. */
const wordsOfOthers = ['events[].subject', 'events[].reason', 'events[].details'];

type Refusal = Pick<AuditEntry, 'code' | 'reason' | 'principal'>;

/** A call is answered this soon after its command was refused. */
const toldForMs = 10_000;
const mostTold = 1_000;

/** Refused commands of calls whose own refusal is still to come. */
function createToldRefusals(clock: Clock): {
  add(refusal: Refusal): void;
  take(refusal: Refusal): boolean;
} {
  const told = createBoundedMap<string, number[]>(mostTold);
  const keyOf = ({ code, reason, principal }: Refusal): string =>
    JSON.stringify([principal?.id, code, reason]);
  const fresh = (key: string): number[] =>
    (told.get(key) ?? []).filter((at) => clock.elapsed() - at < toldForMs);
  return {
    add(refusal) {
      const key = keyOf(refusal);
      told.set(key, [...fresh(key), clock.elapsed()].slice(-mostTold));
    },
    take(refusal) {
      const key = keyOf(refusal);
      const [one, ...left] = fresh(key);
      if (left.length > 0) told.set(key, left);
      else told.delete(key);
      return one !== undefined;
    },
  };
}

/** @throws Error that says what is wrong with the file */
export async function openHubAudit(deps: {
  dataDir: string;
  settings: AuditSettings | undefined;
  clock: Clock;
  log: Log;
}): Promise<HubAudit> {
  const { dataDir, settings = defaultAuditSettings, clock, log } = deps;
  const { store, note } = await openSqliteAuditStore({ file: join(dataDir, 'audit.db') });
  const auditLog = createAuditLog({
    store,
    retention: { days: settings.days, maxBytes: settings.maxMegabytes * 1_048_576 },
    clock,
    log,
  });
  const audit = createAuditTrail({ clock, log });
  audit.listen((event) => auditLog.write(event));
  const failed = (reason: string): void =>
    audit.record({ action: 'system', outcome: 'failed', subject: 'storage', reason });
  if (note !== undefined) {
    log.error(`audit.db: ${note}`);
    failed(`audit.db: ${note}`);
  }
  audit.record({ action: 'system', outcome: 'ok', subject: 'hub.start' });
  const told = createToldRefusals(clock);

  return {
    audit,
    auditLog,
    queryAudit: async (params) => markUntrusted(await auditLog.query(params), wordsOfOthers),
    tellingErrors: (to) => ({
      ...to,
      error(text) {
        to.error(text);
        failed(text);
      },
    }),
    commandsOnRecord: {
      requireRoom: () => auditLog.requireRoom(),
      record(entry, isAnswer) {
        audit.record(entry);
        if (isAnswer && entry.outcome === 'refused') told.add(entry);
        return auditLog.settled();
      },
    },
    onRefused({ code, reason }, method, params, { principal, transport, address }) {
      // A command that was refused is on record as such.
      if (told.take({ code, reason, ...(principal && { principal }) })) return;
      const deviceId = (params as { device_id?: unknown } | undefined)?.device_id;
      audit.record({
        ...{ action: 'refusal', outcome: 'refused', subject: method, transport, code, reason },
        ...(principal && { principal }),
        ...(address !== undefined && { address }),
        ...(typeof deviceId === 'string' && { device_id: deviceId }),
      });
    },
    async close() {
      audit.record({ action: 'system', outcome: 'ok', subject: 'hub.stop' });
      await auditLog.close();
    },
  };
}
