import type { Clock } from '../clock.ts';
import type { JsonObject } from '../document.ts';
import type { Emitter, HubEvents } from '../events.ts';
import type { Log } from '../log.ts';
import { optionalWord } from '../params.ts';
import { cleanText } from '../text.ts';
import type { DeviceRegistry } from './ports.ts';
import { createPresence } from './presence.ts';
import { deviceStatuses, type DeviceStatus } from './types.ts';

/** Answer to `device.heartbeat`. */
export interface HeartbeatResult {
  device_id: string;
  status: DeviceStatus;
  /** ISO 8601: the hub's time, for devices without a clock. */
  server_time: string;
  /** Seconds. */
  heartbeat_interval: number;
}

/** Signs of life of one id that follow within this time (ms) are one. */
const notedFor = 100;

/** Keeps `status` of every device true, from what is heard of it (specification section 3.3). */
export interface DeviceService {
  /** Begins to watch every registered device; those stored as online get their full time from now. */
  start(): void;
  /** Any sign of life of a device or one of its sensors; unknown ids are ignored. Cheap enough for every message. */
  seen(id: string): void;
  /** The device is known to be gone: its will, or its own word. */
  gone(id: string, reason: string): void;
  /**
   * `device.heartbeat`: `{ device_id, status?: 'online' | 'offline', reason? }`.
   * Resolves when a change of status is stored, so that what comes next finds it.
   * @throws RpcError -32000 for an unknown device, -32602 for another status
   */
  heartbeat(params: JsonObject): Promise<HeartbeatResult>;
  close(): void;
}

/**
 * Registry, presence and events put together: devices that register or resume are watched, removed ones no longer,
 * and a change of presence is stored and then told as the events `online` and `offline`.
 */
export function createDeviceService(deps: {
  registry: DeviceRegistry;
  clock: Clock;
  events: Emitter<HubEvents>;
  log: Log;
  missed?: number;
}): DeviceService {
  const { registry, clock, events, log } = deps;

  let lastChange = Promise.resolve();
  const store = (deviceId: string, status: DeviceStatus, reason?: string): void => {
    lastChange = registry.setStatus(deviceId, status, reason).catch((error: unknown) => {
      log.error(`could not store that ${deviceId} is ${status}: ${String(error)}`);
    });
  };
  /** When an id was last noted; one message of many is enough to know that a device is there. */
  const noted = new Map<string, number>();
  const presence = createPresence({
    clock,
    ...(deps.missed !== undefined && { missed: deps.missed }),
    onOffline: (deviceId, reason) => {
      noted.clear();
      store(deviceId, 'offline', reason);
    },
    onOnline: (deviceId) => store(deviceId, 'online'),
  });

  const seenDevice = (deviceId: string): void => {
    registry.touch(deviceId);
    presence.touch(deviceId);
  };
  const stops = [
    events.on('registered', ({ device }) =>
      presence.add(device.device_id, device.heartbeat_interval),
    ),
    events.on('resumed', ({ device }) => {
      presence.add(
        device.device_id,
        device.heartbeat_interval,
        presence.isOnline(device.device_id),
      );
      seenDevice(device.device_id);
    }),
    events.on('removed', ({ device }) => {
      noted.clear();
      presence.remove(device.device_id);
    }),
  ];

  return {
    start() {
      for (const id of registry.deviceIds()) {
        const device = registry.get(id);
        presence.add(id, device.heartbeat_interval, device.status === 'online');
      }
    },
    seen(id) {
      const now = clock.elapsed();
      if (now - (noted.get(id) ?? -Infinity) < notedFor) return;
      const deviceId = registry.ownerOf(id);
      if (deviceId === undefined) return;
      noted.set(id, now);
      seenDevice(deviceId);
    },
    gone(id, reason) {
      const deviceId = registry.ownerOf(id);
      if (deviceId !== undefined) presence.markOffline(deviceId, reason);
    },
    async heartbeat(params) {
      const { device_id, heartbeat_interval } = registry.view(params['device_id']);
      const status = optionalWord(params, 'status', deviceStatuses) ?? 'online';
      if (status === 'online') seenDevice(device_id);
      else
        presence.markOffline(
          device_id,
          cleanText(params['reason'], 200) || 'the device said that it goes offline',
        );
      await lastChange;
      return {
        device_id,
        status,
        server_time: new Date(clock.now()).toISOString(),
        heartbeat_interval,
      };
    },
    close() {
      for (const stop of stops) stop();
      presence.close();
    },
  };
}
