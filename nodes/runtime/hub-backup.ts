import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import type { AuditLog } from '../core/security/audit-log.ts';
import type { RecordStore } from '../core/records.ts';
import { ErrorCode, RpcError } from '../core/rpc/errors.ts';
import type { TelemetryStore } from '../core/telemetry/ports.ts';

/** Answer to `hub.backup`. */
export interface BackupResult {
  /** In the data directory. */
  folder: string;
  files: { name: string; bytes: number }[];
  took_ms: number;
}

export interface HubBackup {
  /**
   * Copies devices, keys, schemas, readings and the audit log into a new folder while the hub goes on. A store elsewhere is left to
   * the backups of its own database.
   * @throws RpcError -32006 while another backup is under way, or when there is no room
   */
  backup(): Promise<BackupResult>;
}

export function createHubBackup(deps: {
  records: RecordStore;
  store: TelemetryStore;
  auditLog: Pick<AuditLog, 'backup'>;
  clock: Clock;
  dataDir: string;
}): HubBackup {
  const { records, store, auditLog, clock, dataDir } = deps;
  let underWay = false;

  const copyAll = async (): Promise<BackupResult> => {
    const started = clock.now();
    const name = new Date(started).toISOString().replaceAll(':', '-');
    const folder = join('backups', name);
    const inFolder = (file: string): string => join(dataDir, folder, file);
    await mkdir(join(dataDir, folder), { recursive: true, mode: 0o700 });
    await records.backup(inFolder('hub.db'));
    await store.backup?.(inFolder('telemetry.db'));
    await auditLog.backup(inFolder('audit.db'));
    const names = ['hub.db', 'audit.db', ...(store.backup ? ['telemetry.db'] : [])];
    const files = await Promise.all(
      names.map(async (file) => ({ name: file, bytes: (await stat(inFolder(file))).size })),
    );
    return { folder, files, took_ms: clock.now() - started };
  };

  return {
    async backup() {
      if (underWay) throw new RpcError(ErrorCode.ResourceExhausted, 'another backup is under way');
      underWay = true;
      try {
        return await copyAll();
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new RpcError(ErrorCode.ResourceExhausted, `the backup was not made: ${reason}`);
      } finally {
        underWay = false;
      }
    },
  };
}
