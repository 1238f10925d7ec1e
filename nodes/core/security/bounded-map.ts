/** A map that forgets whatever was set longest ago once it is full, so that nobody can fill the memory. */
export interface BoundedMap<K, V> {
  get(key: K): V | undefined;
  /** Sets it, and makes it the last to be forgotten. */
  set(key: K, value: V): void;
  delete(key: K): void;
  values(): Iterable<V>;
  size(): number;
}

export function createBoundedMap<K, V>(most: number): BoundedMap<K, V> {
  const map = new Map<K, V>();
  return {
    get: (key) => map.get(key),
    set(key, value) {
      map.delete(key);
      if (map.size >= most) {
        for (const oldest of map.keys()) {
          map.delete(oldest);
          break;
        }
      }
      map.set(key, value);
    },
    delete: (key) => void map.delete(key),
    values: () => map.values(),
    size: () => map.size,
  };
}
