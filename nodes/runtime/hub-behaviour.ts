import type { Clock } from '../core/clock.ts';
import type { DeviceRegistry } from '../core/device/ports.ts';
import type { Emitter, HubEvents } from '../core/events.ts';
import type { Log } from '../core/log.ts';
import type { RecordStore } from '../core/records.ts';
import type { Dispatcher } from '../core/rpc/types.ts';
import type { AuditTrail } from '../core/security/audit.ts';
import { createBehaviourWatch, type BehaviourRecord } from '../core/security/behaviour.ts';
import type { MqttLink } from '../core/topic/ports.ts';
import { deviceIdOf } from '../core/topic/topics.ts';

const saveEveryMs = 3_600_000;

/** Tells `anomaly` events when a device behaves unlike itself; what is usual for it is kept over a restart. */
export interface HubBehaviour {
  /** Watches what devices say by this dispatcher, too. */
  watched(dispatcher: Dispatcher): Dispatcher;
  /** Keeps what is known. */
  close(): Promise<void>;
}

export async function createHubBehaviour(deps: {
  devices: DeviceRegistry;
  mqtt: MqttLink;
  audit: AuditTrail;
  records: RecordStore;
  events: Emitter<HubEvents>;
  clock: Clock;
  log: Log;
}): Promise<HubBehaviour> {
  const { devices, mqtt, audit, records, events, clock, log } = deps;
  const isKnown = (id: string): boolean => devices.ownerOf(id) === id;
  const watch = createBehaviourWatch({
    clock,
    onAnomaly(anomaly) {
      if (!isKnown(anomaly.device_id)) return;
      events.emit('anomaly', { device: devices.get(anomaly.device_id), ...anomaly });
    },
  });
  for (const record of await records.all<BehaviourRecord>('behaviour')) {
    if (isKnown(record.device_id)) watch.restore(record);
    else await records.remove('behaviour', record.device_id);
  }

  const save = async (): Promise<void> => {
    await Promise.all(
      watch.changed().map((record) => records.put('behaviour', record.device_id, record)),
    );
  };
  const failed = (error: unknown): void => log.error(`behaviour of devices: ${String(error)}`);
  let cancelSave: () => void;
  const saveLater = (): void => {
    cancelSave = clock.after(saveEveryMs, () => {
      save().catch(failed);
      saveLater();
    });
  };
  saveLater();

  const stops = [
    mqtt.onMessage(({ parsed, retained, will, principal, payload }) => {
      if (retained || will) return;
      const topicId = deviceIdOf(parsed);
      const id = principal?.device_id ?? (topicId && devices.ownerOf(topicId));
      if (id !== undefined) watch.message(id, payload.length);
    }),
    audit.listen(({ action, outcome, principal, address, device_id, subject, details }) => {
      if (action === 'authentication' && outcome === 'ok' && principal?.device_id && address)
        watch.address(principal.device_id, address);
      // What waits for the device, or never left, is told with its state.
      const wasSent = action === 'command' && outcome !== 'refused' && !details?.['state'];
      if (wasSent && device_id !== undefined)
        watch.command(device_id, subject, principal?.role ?? 'flow');
    }),
    events.on('removed', ({ device }) => {
      watch.forget(device.device_id);
      records.remove('behaviour', device.device_id).catch(failed);
    }),
  ];

  return {
    watched: (dispatcher) => ({
      ...dispatcher,
      handle(body, context, via) {
        const id = context.principal?.device_id;
        // What came over MQTT has been seen there.
        if (id !== undefined && context.transport !== 'mqtt') watch.message(id, body.length);
        return dispatcher.handle(body, context, via);
      },
    }),
    async close() {
      cancelSave();
      for (const stop of stops) stop();
      await save();
    },
  };
}
