import type { Clock } from '../clock.ts';
import type { DeviceRegistry } from '../device/ports.ts';
import type { Log } from '../log.ts';
import { toErrorObject, type RpcError } from '../rpc/errors.ts';
import type { Principal } from '../security/types.ts';
import { expired } from './ending.ts';
import type { CommandHistory } from './history.ts';
import type { CommandsOnRecord } from './on-record.ts';
import type { CommandOrigin, CommandRecord, DeviceLink } from './types.ts';
import { createWaitingCommands, type WaitingCommands } from './waiting.ts';

/** How often it is asked whether a device that came back listens by now. */
const listensEveryMs = 500;
/** How long a device has to subscribe where nobody can tell whether it listens. */
const settlingMs = 1_000;
/** When something that waits could not be sent, it is tried again after this time. */
const againMs = 10_000;

/** Who cancels a command, from where and why; without a principal it is the flow. */
export interface Canceller {
  principal: Principal | undefined;
  origin: CommandOrigin | undefined;
  reason: string | undefined;
}

/** Has commands wait for their devices, and sends them when these are there: each once, those of one device in turn. */
export interface WaitingDelivery extends Pick<WaitingCommands, 'reserve' | 'has' | 'size'> {
  load(): void;
  /** Lets a command that is stored wait. */
  add(record: CommandRecord): void;
  /** Ends one that waits; undefined if it does not. */
  cancel(commandId: string, by: Canceller): Promise<CommandRecord> | undefined;
  /** Ends all that wait for a device. */
  forget(deviceId: string, why: RpcError): void;
  /** The device may be there, or be free. @param returned it was away and may need a moment */
  wake(deviceId: string, returned?: boolean): void;
  hold(): void;
  release(): void;
  close(): void;
}

/**
 * @param deps.send sends what waited, and resolves when it has ended; false when it could not be sent now. It rejects when
 *   the command may not leave any more.
 */
export function createWaitingDelivery(deps: {
  registry: Pick<DeviceRegistry, 'resolve'>;
  history: CommandHistory;
  onRecord: CommandsOnRecord;
  link: () => DeviceLink | undefined;
  isBusy: (deviceId: string) => boolean;
  send: (record: CommandRecord) => Promise<boolean>;
  clock: Clock;
  log: Log;
}): WaitingDelivery {
  const { registry, history, onRecord, link, isBusy, send, clock, log } = deps;
  const waiting = createWaitingCommands({
    clock,
    onExpired: (record) => void end(record, 'expired', expired(record)),
  });
  /** Devices a waiting command is being sent to, and what asks again for those that could not be sent to. */
  const sending = new Set<string>();
  const again = new Map<string, () => void>();
  let isHeld = false;
  let isClosed = false;

  const end = async (
    record: CommandRecord,
    state: 'expired' | 'cancelled',
    why: unknown,
    by?: Canceller,
  ): Promise<CommandRecord> => {
    const { waits: _waits, ...rest } = record;
    const ended: CommandRecord = {
      ...{ ...rest, state },
      ...(why !== undefined && { error: toErrorObject(why) }),
      ...(by?.reason !== undefined && { cancel_reason: by.reason }),
      ended_at: new Date(clock.now()).toISOString(),
    };
    onRecord.neverLeft({ ...record, state }, why, by);
    await history
      .save(ended)
      .catch((error: unknown) =>
        log.error(
          `could not record that command ${record.command_id} is ${state}: ${String(error)}`,
        ),
      );
    return ended;
  };
  const later = (deviceId: string, ms: number): void => {
    if (isClosed || again.has(deviceId)) return;
    const cancel = clock.after(ms, () => {
      again.delete(deviceId);
      wake(deviceId);
    });
    again.set(deviceId, cancel);
  };
  const wake = (deviceId: string, returned = false): void => {
    if (isHeld || isClosed || sending.has(deviceId) || !waiting.has(deviceId)) return;
    if (registry.resolve(deviceId)?.device.status !== 'online' || isBusy(deviceId)) return;
    const way = link();
    const record = way && waiting.first(deviceId);
    if (!record) return;
    const listens = way.listens?.(record.sensor_id ?? deviceId);
    if (listens === false) later(deviceId, listensEveryMs);
    else if (listens === undefined && returned) later(deviceId, settlingMs);
    else void sendNext(deviceId, record);
  };
  const sendNext = async (deviceId: string, record: CommandRecord): Promise<void> => {
    waiting.remove(record.command_id);
    sending.add(deviceId);
    try {
      if (await send(record)) return;
      waiting.putBack(record);
      later(deviceId, againMs);
    } catch (error) {
      await end(record, 'cancelled', error);
    } finally {
      sending.delete(deviceId);
      if (!again.has(deviceId)) wake(deviceId);
    }
  };

  return {
    load() {
      for (const record of history.all()) if (record.waits) waiting.add(record);
    },
    reserve: (deviceId) => waiting.reserve(deviceId),
    has: (deviceId) => waiting.has(deviceId) || sending.has(deviceId),
    size: () => waiting.size(),
    add(record) {
      waiting.add(record);
      wake(record.device_id);
    },
    cancel(commandId, by) {
      const record = waiting.remove(commandId);
      return record && end(record, 'cancelled', undefined, by);
    },
    forget(deviceId, why) {
      for (let next = waiting.first(deviceId); next; next = waiting.first(deviceId)) {
        waiting.remove(next.command_id);
        void end(next, 'cancelled', why);
      }
    },
    wake,
    hold: () => void (isHeld = true),
    release() {
      isHeld = false;
      for (const deviceId of waiting.deviceIds()) wake(deviceId);
    },
    close() {
      isClosed = true;
      for (const cancel of again.values()) cancel();
      waiting.close();
    },
  };
}
