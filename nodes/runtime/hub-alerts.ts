import type { Alerts } from '../core/alert/ports.ts';
import type { AlertRecord } from '../core/alert/types.ts';
import type { Clock } from '../core/clock.ts';
import { requiredString } from '../core/params.ts';
import type { Streams } from '../core/stream/types.ts';
import type { MqttLink } from '../core/topic/ports.ts';
import { formatTopic } from '../core/topic/topics.ts';
import type { AlertRequest } from './alerting.ts';

/** Alarms with their publication on MQTT and the live channels (specification sections 3.3 and 5.2). */
export interface HubAlerts {
  raiseAlert(request: AlertRequest): Promise<AlertRecord>;
  /** Nothing to clear is no error: the answer is null then. */
  clearAlert(request: Pick<AlertRequest, 'device_id' | 'kind'>): Promise<AlertRecord | null>;
  acknowledgeAlert(params: Record<string, unknown>, by: string): Promise<AlertRecord>;
}

export function createHubAlerts(deps: {
  alerts: Alerts;
  mqtt: MqttLink;
  streams: Streams;
  clock: Clock;
}): HubAlerts {
  const { alerts, mqtt, streams, clock } = deps;

  const publish = async (alert: AlertRecord): Promise<void> => {
    if (alert.device_id) streams.publish(alert.device_id, 'alerts', alert, clock.now());
    const branch = alert.severity === 'error' ? 'alert-error' : 'alert-warning';
    await mqtt.publish(formatTopic({ branch }), JSON.stringify(alert), { qos: 1 });
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
    async acknowledgeAlert(params, by) {
      const alert = await alerts.acknowledge(requiredString(params, 'alert_id'), by);
      await publish(alert);
      return alert;
    },
  };
}
