import type { Clock } from '../clock.ts';

/** Watches which devices give signs of life; it knows nothing but their ids and intervals. */
export interface Presence {
  /**
   * Watches a device from now on, as online; again for one that is watched changes its interval.
   * @param interval seconds between its heartbeats
   */
  add(deviceId: string, interval: number, online?: boolean): void;
  remove(deviceId: string): void;
  /** A sign of life: costs the same however many devices there are. Ids that are not watched are ignored. */
  touch(deviceId: string): void;
  /** The device said itself, or its broker did, that it is gone. */
  markOffline(deviceId: string, reason: string): void;
  isOnline(deviceId: string): boolean;
  /** Ends the watch over all. */
  close(): void;
}

/** Devices of one interval, the longest silent first, with the time of their last sign of life. */
type Queue = Map<string, number>;

/** Devices declared offline in one go: each is stored and alarmed, and others want to be served in between. */
const mostAtOnce = 100;

interface Watched {
  /** Milliseconds of silence after which it counts as offline. */
  silence: number;
  online: boolean;
}

/**
 * One timer for all devices. Devices with the same interval expire in the order of their last sign of life, so each
 * interval has a queue in that order: a sign of life moves a device to its end, and the timer needs to look at the
 * heads alone. It is set to the earliest head; signs of life do not set it again, it finds out when it fires.
 * @param deps.missed heartbeats that have to be missed, 2.5 unless told
 */
export function createPresence(deps: {
  clock: Clock;
  missed?: number;
  onOffline: (deviceId: string, reason: string) => void;
  onOnline: (deviceId: string) => void;
}): Presence {
  const { clock, missed = 2.5, onOffline, onOnline } = deps;
  const watched = new Map<string, Watched>();
  const queues = new Map<number, Queue>();
  let timer: { at: number; cancel: () => void } | undefined;

  const wakeAt = (at: number): void => {
    if (timer && timer.at <= at) return;
    timer?.cancel();
    timer = { at, cancel: clock.after(Math.max(0, at - clock.elapsed()), expire) };
  };
  const expire = (): void => {
    timer = undefined;
    for (const [deviceId, ms] of silentDevices())
      goOffline(deviceId, `no sign of life for ${Math.round(ms / 1_000)} s`);
    let earliest = Infinity;
    for (const [silence, queue] of queues) {
      const [lastSeen = Infinity] = queue.values();
      earliest = Math.min(earliest, lastSeen + silence);
    }
    if (earliest < Infinity) wakeAt(earliest);
  };
  const silentDevices = (): [string, number][] => {
    const now = clock.elapsed();
    const silent: [string, number][] = [];
    for (const [silence, queue] of queues) {
      for (const [deviceId, lastSeen] of queue) {
        if (lastSeen + silence > now || silent.length === mostAtOnce) break;
        silent.push([deviceId, now - lastSeen]);
      }
    }
    return silent;
  };
  const enqueue = (deviceId: string, silence: number): void => {
    const now = clock.elapsed();
    let queue = queues.get(silence);
    if (!queue) {
      queue = new Map<string, number>();
      queues.set(silence, queue);
      wakeAt(now + silence);
    }
    // In a queue that was there already somebody expires no later, and the timer is set to that.
    queue.delete(deviceId);
    queue.set(deviceId, now);
  };
  const dequeue = (deviceId: string, silence: number): void => {
    const queue = queues.get(silence);
    queue?.delete(deviceId);
    if (queue?.size === 0) queues.delete(silence);
  };
  const goOffline = (deviceId: string, reason: string): void => {
    const entry = watched.get(deviceId);
    if (!entry?.online) return;
    entry.online = false;
    dequeue(deviceId, entry.silence);
    onOffline(deviceId, reason);
  };
  const remove = (deviceId: string): void => {
    const entry = watched.get(deviceId);
    if (!entry) return;
    watched.delete(deviceId);
    dequeue(deviceId, entry.silence);
  };

  return {
    add(deviceId, interval, online = true) {
      remove(deviceId);
      const silence = Math.ceil(interval * 1_000 * missed);
      watched.set(deviceId, { silence, online });
      if (online) enqueue(deviceId, silence);
    },
    remove,
    touch(deviceId) {
      const entry = watched.get(deviceId);
      if (!entry) return;
      enqueue(deviceId, entry.silence);
      if (entry.online) return;
      entry.online = true;
      onOnline(deviceId);
    },
    markOffline: goOffline,
    isOnline: (deviceId) => watched.get(deviceId)?.online ?? false,
    close() {
      timer?.cancel();
      timer = undefined;
      watched.clear();
      queues.clear();
    },
  };
}
