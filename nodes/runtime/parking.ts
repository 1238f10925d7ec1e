/**
 * Keeps expensive resources (a broker with its connections, open databases) over a deploy: a config node that
 * closes parks its resource, and the node that takes its place takes it back if its configuration is the same.
 */
export interface Parking<T> {
  /** Takes a parked resource back, or waits until the one that no longer fits is disposed of. */
  reclaim(key: string, fingerprint: string): Promise<T | undefined>;
  /** Leaves a resource for the next node with this key; disposed of if none comes within the grace period. */
  park(key: string, fingerprint: string, resource: T): void;
}

interface Slot<T> {
  fingerprint: string;
  resource: T;
  timer: NodeJS.Timeout;
}

export function createParking<T>(
  graceMs: number,
  dispose: (resource: T) => Promise<void>,
): Parking<T> {
  const slots = new Map<string, Slot<T>>();
  const leaving = new Map<string, Promise<void>>();

  const evict = (key: string, slot: Slot<T>): Promise<void> => {
    clearTimeout(slot.timer);
    slots.delete(key);
    const gone = dispose(slot.resource).finally(() => leaving.delete(key));
    leaving.set(key, gone);
    return gone;
  };

  return {
    async reclaim(key, fingerprint) {
      await leaving.get(key);
      const slot = slots.get(key);
      if (!slot) return undefined;
      if (slot.fingerprint !== fingerprint) {
        await evict(key, slot);
        return undefined;
      }
      clearTimeout(slot.timer);
      slots.delete(key);
      return slot.resource;
    },
    park(key, fingerprint, resource) {
      const slot: Slot<T> = {
        fingerprint,
        resource,
        timer: setTimeout(() => void evict(key, slot), graceMs),
      };
      slots.set(key, slot);
    },
  };
}
