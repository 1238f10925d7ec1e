import type { SeriesKey } from '../../../core/telemetry/ports.ts';
import type { RemoteDatabase, RemoteSeries } from '../../../core/telemetry/remote.ts';
import { expiryOf } from '../../../core/telemetry/retention.ts';
import type { WaitingChange } from './spool-types.ts';

/** Makes a change in the database. */
export const applyChange = (remote: RemoteDatabase, change: WaitingChange): Promise<void> =>
  'removeDevice' in change
    ? remote.removeDevice(change.removeDevice)
    : remote.expire(change.expire);

/** Whether nothing is left of a series after a change. */
export function forgets(
  change: WaitingChange,
  series: SeriesKey & { latest?: RemoteSeries['latest'] | undefined },
): boolean {
  if ('removeDevice' in change) return change.removeDevice === series.device_id;
  const before = expiryOf(change.expire, series.measurement_type) ?? -Infinity;
  return series.latest === undefined || series.latest.timestamp < before;
}
