import type { JsonObject } from '../document.ts';
import { optionalString, optionalWord } from '../params.ts';
import { comparePageKeys, cursorOf, pagingOf, type PageKey } from '../paging.ts';
import type { AlertRecord } from './types.ts';

const keyOf = (alert: AlertRecord): PageKey => ({ time: alert.raised_at, id: alert.alert_id });

/** `Alerts.list` over all alarms there are. @throws RpcError -32602 */
export function listAlerts(
  all: AlertRecord[],
  params: JsonObject,
): { alerts: AlertRecord[]; cursor?: string } {
  const state = optionalWord(params, 'state', ['raised', 'acknowledged', 'cleared']);
  const severity = optionalWord(params, 'severity', ['error', 'warning']);
  const deviceId = optionalString(params, 'device_id');
  const kind = optionalString(params, 'kind');
  const { limit, after } = pagingOf(params, { usual: 100, max: 1_000 });
  const matching = all
    .filter(
      (alert) =>
        (state === undefined ? alert.state !== 'cleared' : alert.state === state) &&
        (severity === undefined || alert.severity === severity) &&
        (deviceId === undefined || alert.device_id === deviceId) &&
        (kind === undefined || alert.kind === kind) &&
        (!after || comparePageKeys(keyOf(alert), after) < 0),
    )
    .sort((a, b) => comparePageKeys(keyOf(b), keyOf(a)));
  const alerts = matching.slice(0, limit);
  const last = alerts.at(-1);
  return { alerts, ...(last && matching.length > limit && { cursor: cursorOf(keyOf(last)) }) };
}
