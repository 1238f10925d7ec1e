import { alertAnswer } from '../core/alert/answer.ts';
import type { Alerts, SeesAlert } from '../core/alert/ports.ts';
import type { AlertRecord } from '../core/alert/types.ts';
import type { ResolveDevice } from '../core/answer/targets.ts';
import type { Clock } from '../core/clock.ts';
import { optionalString, requiredString } from '../core/params.ts';
import { narrowsDevices, type CanSee } from '../core/security/scope-rules.ts';
import type { Principal } from '../core/security/types.ts';
import type { Streams } from '../core/stream/types.ts';
import type { MqttLink } from '../core/topic/ports.ts';
import { formatTopic } from '../core/topic/topics.ts';
import { markUntrusted } from '../core/untrusted.ts';
import type { AlertRequest } from './alerting.ts';

/** Alarms with their publication on MQTT and the live channels (specification sections 3.3 and 5.2). */
export interface HubAlerts {
  raiseAlert(request: AlertRequest): Promise<AlertRecord>;
  /** Nothing to clear is no error: the answer is null then. */
  clearAlert(request: Pick<AlertRequest, 'device_id' | 'kind'>): Promise<AlertRecord | null>;
  /** `alert.acknowledge` for somebody; without a principal it is the flow itself. @throws RpcError -32602 */
  acknowledgeAlert(
    params: Record<string, unknown>,
    principal: Principal | undefined,
  ): Promise<AlertRecord>;
  /**
   * `alert.list`: the alarms of devices that somebody may know of. Within a budget, with a summary and what was
   * understood, if `toModel` or one of `device`, `detail` and `max_bytes` is given. @throws RpcError -32602
   */
  listAlerts(
    params: Record<string, unknown>,
    principal: Principal | undefined,
    toModel?: boolean,
  ): object;
}

/** Which alarms somebody may know of: whose scope is for some devices only, those of these devices. */
export const alertsSeenBy =
  (principal: Principal | undefined, canSee: CanSee): SeesAlert =>
  ({ device_id: id }) =>
    id === undefined ? !narrowsDevices(principal?.scope) : canSee(principal, id);

/** What an alarm says may be in the words of a device. */
const labelled = (alert: AlertRecord): AlertRecord & { untrusted: string[] } =>
  markUntrusted(alert, ['message', 'data']);

export function createHubAlerts(deps: {
  alerts: Alerts;
  mqtt: MqttLink;
  streams: Streams;
  clock: Clock;
  canSee: CanSee;
  resolve: ResolveDevice;
  /** Told of each change, with the device if it is about one. */
  onChange?: (deviceId: string | undefined) => void;
}): HubAlerts {
  const { alerts, mqtt, streams, clock, canSee, resolve } = deps;

  const publish = async (alert: AlertRecord): Promise<void> => {
    if (alert.device_id) streams.publish(alert.device_id, 'alerts', alert, clock.now());
    deps.onChange?.(alert.device_id);
    const branch = alert.severity === 'error' ? 'alert-error' : 'alert-warning';
    await mqtt.publish(formatTopic({ branch }), JSON.stringify(labelled(alert)), { qos: 1 });
  };

  return {
    async raiseAlert(request) {
      const { alert, publish: due } = await alerts.raise(request);
      if (due) await publish(alert);
      return alert;
    },
    async clearAlert(request) {
      const alert = await alerts.clear(request);
      if (alert) await publish(alert);
      return alert ?? null;
    },
    async acknowledgeAlert(params, principal) {
      const id = requiredString(params, 'alert_id');
      const by = principal?.id ?? 'flow';
      const alert = await alerts.acknowledge(id, by, alertsSeenBy(principal, canSee));
      await publish(alert);
      return labelled(alert);
    },
    listAlerts(params, principal, toModel = false) {
      const sees = alertsSeenBy(principal, canSee);
      const { device: _device, detail, max_bytes: maxBytes, ...plain } = params;
      const phrase = optionalString(params, 'device');
      if (!toModel && [phrase, detail, maxBytes].every((one) => one === undefined))
        return markUntrusted(alerts.list(plain, sees), ['alerts[].message', 'alerts[].data']);
      const named =
        phrase === undefined ? undefined : resolve(phrase, principal, 'device').device_id;
      const page = alerts.list(
        { ...plain, ...(named !== undefined && { device_id: named }) },
        sees,
      );
      return alertAnswer(page, params, { ...(named !== undefined && { device: named }) });
    },
  };
}
