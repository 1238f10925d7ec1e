import { ErrorCode, RpcError } from '../core/rpc/errors.ts';
import type { ChannelKind, Streams } from '../core/stream/types.ts';
import type { Reading } from '../core/telemetry/types.ts';
import type { Clock } from '../core/clock.ts';

/** From messages on the wires to live updates (specification section 5.1). */
export interface HubStreams {
  /** Readings of one or many devices, as one update per device. */
  streamReadings(readings: readonly Reading[]): void;
  /** Anything else about one device, named by `msg.device` or `payload.device_id`. */
  streamUpdate(
    kind: ChannelKind,
    device: { device_id: string } | undefined,
    data: Record<string, unknown>,
  ): void;
}

export function createHubStreams(deps: { streams: Streams; clock: Clock }): HubStreams {
  const { streams, clock } = deps;
  return {
    streamReadings(readings) {
      for (const [id, group] of groupByTarget(readings)) {
        if (!streams.wanted(id, 'telemetry')) continue;
        const newest = group.reduce((latest, { timestamp }) => Math.max(latest, timestamp), 0);
        streams.publish(id, 'telemetry', { live_readings: group.map(liveReading) }, newest);
      }
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
      streams.publish(id, kind, data, clock.now());
    },
  };
}

function groupByTarget(readings: readonly Reading[]): Map<string, Reading[]> {
  const groups = new Map<string, Reading[]>();
  for (const reading of readings) {
    const group = groups.get(reading.device_id);
    if (group) group.push(reading);
    else groups.set(reading.device_id, [reading]);
  }
  return groups;
}

const liveReading = ({ device_id: _device, timestamp, ...reading }: Reading): object => ({
  ...reading,
  timestamp: new Date(timestamp).toISOString(),
});
