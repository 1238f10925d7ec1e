import type { Clock } from '../clock.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { CommandRecord } from './types.ts';

/** Commands that wait for their devices, those of one device in their order. */
export interface WaitingCommands {
  /** Holds a place until the answer is called. @throws RpcError -32006 when too many wait for this device, or in all */
  reserve(deviceId: string): () => void;
  add(record: CommandRecord): void;
  /** Puts back what was taken and could not be sent. */
  putBack(record: CommandRecord): void;
  /** The oldest of a device. */
  first(deviceId: string): CommandRecord | undefined;
  /** Takes one out. */
  remove(commandId: string): CommandRecord | undefined;
  has(deviceId: string): boolean;
  deviceIds(): string[];
  size(): number;
  /** Stops the clocks; what waits stays where it is stored. */
  close(): void;
}

/** @param deps.onExpired told when one has waited for as long as it may; it waits no longer then */
export function createWaitingCommands(deps: {
  clock: Clock;
  onExpired: (record: CommandRecord) => void;
  mostOfDevice?: number;
  most?: number;
}): WaitingCommands {
  const { clock, onExpired, mostOfDevice = 20, most = 1_000 } = deps;
  const byDevice = new Map<string, CommandRecord[]>();
  const all = new Map<string, { record: CommandRecord; cancel: () => void }>();

  /** A device for each place that is held. */
  const reserved: string[] = [];
  const held = (deviceId: string): number => reserved.filter((id) => id === deviceId).length;

  const remove = (commandId: string): CommandRecord | undefined => {
    const entry = all.get(commandId);
    if (!entry) return undefined;
    const { record, cancel } = entry;
    cancel();
    all.delete(commandId);
    const left = (byDevice.get(record.device_id) ?? []).filter((one) => one !== record);
    if (left.length > 0) byDevice.set(record.device_id, left);
    else byDevice.delete(record.device_id);
    return record;
  };
  const enter = (record: CommandRecord, list: CommandRecord[]): void => {
    byDevice.set(record.device_id, list);
    const left = Math.max(0, Date.parse(record.expires_at ?? '') - clock.now());
    const cancel = clock.after(left, () => {
      if (remove(record.command_id)) onExpired(record);
    });
    all.set(record.command_id, { record, cancel });
  };

  return {
    reserve(deviceId) {
      const ofDevice = (byDevice.get(deviceId)?.length ?? 0) + held(deviceId);
      if (ofDevice < mostOfDevice && all.size + reserved.length < most) {
        reserved.push(deviceId);
        return () => void reserved.splice(reserved.indexOf(deviceId), 1);
      }
      const isDevice = ofDevice >= mostOfDevice;
      throw new RpcError(
        ErrorCode.ResourceExhausted,
        isDevice
          ? `${mostOfDevice} commands wait for this device already; cancel one or let them expire`
          : `${most} commands wait for their devices already`,
        { device_id: deviceId, limit: isDevice ? mostOfDevice : most },
      );
    },
    add: (record) => enter(record, [...(byDevice.get(record.device_id) ?? []), record]),
    putBack: (record) => enter(record, [record, ...(byDevice.get(record.device_id) ?? [])]),
    first: (deviceId) => byDevice.get(deviceId)?.[0],
    remove,
    has: (deviceId) => byDevice.has(deviceId),
    deviceIds: () => [...byDevice.keys()],
    size: () => all.size,
    close() {
      for (const { cancel } of all.values()) cancel();
      all.clear();
      byDevice.clear();
    },
  };
}
