import { createHash } from 'node:crypto';
import type { Clock } from '../../nodes/core/clock.ts';
import type { Attest } from '../../nodes/core/device/attestation.ts';
import type { DeviceSettings } from '../../nodes/core/device/ports.ts';
import { createDeviceRegistry } from '../../nodes/core/device/registry.ts';
import { createEmitter, type HubEvents } from '../../nodes/core/events.ts';
import type { Ids } from '../../nodes/core/ids.ts';
import type { Log } from '../../nodes/core/log.ts';
import type { RpcError } from '../../nodes/core/rpc/errors.ts';
import { createKeyRing } from '../../nodes/core/security/key-ring.ts';
import type { Principal } from '../../nodes/core/security/types.ts';
import { createFakeClock } from './fake-clock.ts';
import { createFakeSchemas } from './fake-schemas.ts';
import { createMemoryRecords } from './memory-records.ts';

export const admin: Principal = { id: 'admin', role: 'llm_admin' };
export const registrar: Principal = { id: 'registration', role: 'device', registration: true };
export const deviceKey = (device_id: string): Principal => ({
  id: `key-${device_id}`,
  role: 'device',
  device_id,
});

export interface MemoryLog extends Log {
  lines: string[];
}

export function createMemoryLog(): MemoryLog {
  const lines: string[] = [];
  const add = (text: string): void => {
    lines.push(text);
  };
  return { lines, info: add, warn: add, error: add };
}

/** Ids that count up, so that tests can name them. */
export function createCountingIds(): Ids {
  let count = 0;
  const next = (): string => String(++count).padStart(12, '0');
  return {
    uuid: () => `00000000-0000-4000-8000-${next()}`,
    secret: (prefix) => `${prefix}${next()}`,
    hash: (secret) => createHash('sha256').update(secret).digest('hex'),
  };
}

/** A registry over a record store in memory, with everything it needs, and a record of its events. */
export function createDomain(
  options: {
    records?: ReturnType<typeof createMemoryRecords>;
    settings?: Partial<DeviceSettings>;
    /** Makes the check of attestations. */
    attest?: (clock: Clock) => Attest;
  } = {},
) {
  const records = options.records ?? createMemoryRecords();
  const clock = createFakeClock();
  const ids = createCountingIds();
  const events = createEmitter<HubEvents>();
  const schemas = createFakeSchemas();
  const keys = createKeyRing({ records, ids, clock });
  const settings = {
    heartbeatInterval: 60,
    telemetryInterval: 10,
    maxDevices: 1_000,
    ...options.settings,
  };
  const registry = createDeviceRegistry({
    ...{ records, keys, schemas, clock, ids, events, settings },
    ...(options.attest && { attest: options.attest(clock) }),
  });
  const told: string[] = [];
  const names = [
    'registered',
    'resumed',
    'online',
    'offline',
    'updated',
    'removed',
    'sensor_discovered',
    'methods_changed',
  ] as const;
  for (const name of names) events.on(name, () => told.push(name));
  const register = async (params: Record<string, unknown> = {}, schema: object = {}) =>
    registry.register(
      { device_type: 'mcu', static_schema: { model: 'ESP32-S3', ...schema }, ...params },
      registrar,
    );
  return { records, clock, ids, events, schemas, keys, registry, told, register };
}

/** Lets everything that waits for promises alone get done. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** For `assert.rejects` and `assert.throws`: the code, and a part of the reason. */
export const rpcError =
  (code: number, reason: RegExp = /./) =>
  (error: unknown): boolean => {
    const { code: actual, reason: said } = error as RpcError;
    return actual === code && reason.test(said);
  };
