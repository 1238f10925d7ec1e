import type { DeviceRegistry } from '../core/device/ports.ts';
import { sensitiveNamesOfAll } from '../core/device/sensitive.ts';
import type { DeviceRecord } from '../core/device/types.ts';
import { ErrorCode, RpcError } from '../core/rpc/errors.ts';
import { masked } from '../core/security/sensitive.ts';
import type { ChannelKind, Streams } from '../core/stream/types.ts';
import type { Reading } from '../core/telemetry/types.ts';
import type { Clock } from '../core/clock.ts';

/** From messages on the wires to live updates (specification section 5.1). */
export interface HubStreams {
  /** Readings of one or many devices, as one update per device, and one per sensor that somebody named. */
  streamReadings(readings: readonly Reading[]): void;
  /** Anything else about one device, named by `msg.device` or `payload.device_id`. */
  streamUpdate(
    kind: ChannelKind,
    device: { device_id: string } | undefined,
    data: Record<string, unknown>,
  ): void;
}

export function createHubStreams(deps: {
  streams: Streams;
  clock: Clock;
  devices: Pick<DeviceRegistry, 'resolve' | 'sensorsOf'>;
}): HubStreams {
  const { streams, clock, devices } = deps;
  /** What the device marks as secret; of one that was just removed, the update itself may tell. */
  const secretsOf = (id: string, data: Record<string, unknown>): ReadonlySet<string> => {
    const device = devices.resolve(id)?.device ?? (data['device'] as DeviceRecord | undefined);
    if (!device?.commands) return new Set();
    return sensitiveNamesOfAll(device, devices.sensorsOf(device.device_id));
  };
  const stream = (readings: readonly Reading[], by: 'device_id' | 'sensor_id'): void => {
    // Who follows any device hears of its sensors' readings under the device's own id.
    const audience = by === 'device_id' ? 'all' : 'named';
    for (const [id, group] of groupBy(readings, by)) {
      if (!streams.wanted(id, 'telemetry', audience)) continue;
      const newest = group.reduce((latest, { timestamp }) => Math.max(latest, timestamp), 0);
      const data = { live_readings: group.map(liveReading) };
      streams.publish(id, 'telemetry', data, newest, audience);
    }
  };
  return {
    streamReadings(readings) {
      if (streams.stats().subscriptions === 0) return;
      stream(readings, 'device_id');
      stream(readings, 'sensor_id');
    },
    streamUpdate(kind, device, data) {
      const id = device?.device_id ?? data['device_id'];
      if (typeof id !== 'string')
        throw new RpcError(
          ErrorCode.InvalidParams,
          'an update needs a device: msg.device or payload.device_id',
          {
            field: 'device_id',
          },
        );
      if (!streams.wanted(id, kind)) return;
      streams.publish(id, kind, masked(data, secretsOf(id, data)), clock.now());
    },
  };
}

function groupBy(
  readings: readonly Reading[],
  by: 'device_id' | 'sensor_id',
): Map<string, Reading[]> {
  const groups = new Map<string, Reading[]>();
  for (const reading of readings) {
    const { [by]: id } = reading;
    if (id === undefined) continue;
    const group = groups.get(id);
    if (group) group.push(reading);
    else groups.set(id, [reading]);
  }
  return groups;
}

const liveReading = ({ device_id: _device, timestamp, ...reading }: Reading): object => ({
  ...reading,
  timestamp: new Date(timestamp).toISOString(),
});
