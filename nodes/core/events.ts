import type { Anomaly } from './security/behaviour.ts';
import type { DeviceRecord, SensorRecord } from './device/types.ts';

/** What the hub tells whoever listens; `device-event` nodes are the listeners a user sees. */
export interface HubEvents {
  registered: { device: DeviceRecord };
  resumed: { device: DeviceRecord };
  online: { device: DeviceRecord };
  offline: { device: DeviceRecord; reason: string };
  updated: { device: DeviceRecord };
  removed: { device: DeviceRecord };
  /** What a device or its sensors measure is another than before: the first reading of its kind came. */
  learned: { device: DeviceRecord };
  sensor_discovered: { device: DeviceRecord; sensor: SensorRecord };
  /** The set of methods this device offers, or the schema of one, is another than before. */
  methods_changed: { device: DeviceRecord };
  /** A device behaves unlike itself. */
  anomaly: { device: DeviceRecord } & Anomaly;
}

/** A small typed event source: no wildcard, no once, listeners are called in order of subscription. */
export interface Emitter<Events> {
  /** Subscribes; the answer unsubscribes. */
  on<K extends keyof Events>(event: K, listener: (payload: Events[K]) => void): () => void;
  emit<K extends keyof Events>(event: K, payload: Events[K]): void;
  /** How many listeners there are in all (for leak tests). */
  listenerCount(): number;
}

export function createEmitter<Events>(): Emitter<Events> {
  const listeners = new Map<keyof Events, Set<(payload: never) => void>>();
  return {
    on(event, listener) {
      const set = listeners.get(event) ?? new Set();
      listeners.set(event, set);
      set.add(listener);
      return () => {
        set.delete(listener);
      };
    },
    emit(event, payload) {
      for (const listener of [...(listeners.get(event) ?? [])]) listener(payload as never);
    },
    listenerCount: () => [...listeners.values()].reduce((sum, set) => sum + set.size, 0),
  };
}
