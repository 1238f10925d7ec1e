import type { SeriesKey } from '../../../core/telemetry/ports.ts';
import type { RemoteDatabase, RemoteSeries } from '../../../core/telemetry/remote.ts';
import { expiryOf } from '../../../core/telemetry/retention.ts';
import type { EnteredChange, WaitingChange } from './spool-types.ts';

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

/** From when on earlier readings of a series still count once these changes have been made. */
export function keptFrom(changes: readonly EnteredChange[], series: SeriesKey): number {
  return changes.reduce((from, { change }) => {
    if ('expire' in change)
      return Math.max(from, expiryOf(change.expire, series.measurement_type) ?? -Infinity);
    return change.removeDevice === series.device_id ? Infinity : from;
  }, -Infinity);
}
