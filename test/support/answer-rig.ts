import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSqliteTelemetryStore } from '../../nodes/adapters/storage/sqlite/sqlite-telemetry-store.ts';
import type { AnswerDeps } from '../../nodes/core/answer/deps.ts';
import type { DeviceRecord } from '../../nodes/core/device/types.ts';
import type { TelemetryStore } from '../../nodes/core/telemetry/ports.ts';
import type { Reading } from '../../nodes/core/telemetry/types.ts';
import type { Named, ResolveDevice } from '../../nodes/core/answer/targets.ts';
import { invalidParam } from '../../nodes/core/params.ts';
import { createFakeClock } from './fake-clock.ts';

export interface AnswerRig {
  deps: AnswerDeps;
  store: TelemetryStore;
  clock: ReturnType<typeof createFakeClock>;
  add(device: { device_id: string } & Partial<DeviceRecord>): void;
  /** Ids nobody may know of. */
  hidden: Set<string>;
  write(readings: readonly Reading[]): Promise<void>;
  close(): Promise<void>;
}

/** Answers over a real store in a temporary folder, with devices that are made up, at a time that stands still. */
export async function createAnswerRig(now: number, zone = 'UTC'): Promise<AnswerRig> {
  const folder = await mkdtemp(join(tmpdir(), 'llm-iot-answers-'));
  const quiet = (): undefined => undefined;
  const store = await createSqliteTelemetryStore({
    file: join(folder, 'telemetry.db'),
    log: { info: quiet, warn: quiet, error: quiet },
  });
  const devices = new Map<string, DeviceRecord>();
  const hidden = new Set<string>();
  const clock = createFakeClock(now);
  const registry = {
    canSee: (_principal: unknown, id: string) => devices.has(id) && !hidden.has(id),
    deviceIds: () => devices.keys(),
    resolve(id: string) {
      const device = devices.get(id);
      return device && { device };
    },
  } as unknown as AnswerDeps['devices'];
  const resolve = createExactNames(registry);
  return {
    deps: {
      ...{ store, devices: registry, clock, zone },
      storeName: 'sqlite',
      resolve,
      resolveAll: (...phrase) => [resolve(...phrase)],
    },
    store,
    clock,
    hidden,
    add(device) {
      devices.set(device.device_id, {
        ...{ name: device.device_id, device_type: 'mcu', labels: {}, status: 'online' },
        telemetry_interval: 10,
        ...device,
      } as DeviceRecord);
    },
    async write(readings) {
      const { rejected } = await store.write(readings);
      if (rejected[0]) throw new Error(rejected[0].reason);
    },
    async close() {
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Ids, and names in upper or lower case. */
function createExactNames(devices: AnswerDeps['devices']): ResolveDevice {
  return (phrase, principal, field): Named => {
    const target = devices.canSee(principal, phrase) ? devices.resolve(phrase) : undefined;
    if (target)
      return {
        device_id: target.device.device_id,
        ...(target.sensor && { sensor_id: target.sensor.sensor_id }),
      };
    const wanted = phrase.trim().toLowerCase();
    const same = [...devices.deviceIds()].flatMap((id) => {
      const device = devices.canSee(principal, id) ? devices.resolve(id)?.device : undefined;
      return device?.name.toLowerCase() === wanted ? device : [];
    });
    const [only] = same;
    if (only && same.length === 1) return { device_id: only.device_id };
    throw invalidParam(
      field,
      same.length > 1 ? 'several devices have this name' : 'there is no device of this name or id',
      {
        ...(same.length > 1 && {
          candidates: same
            .slice(0, 5)
            .map(({ device_id, name, location: where }) => ({ device_id, name, where })),
        }),
        look_up: { method: 'device.list', take: 'devices[].device_id' },
      },
    );
  };
}
