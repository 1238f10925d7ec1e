import { telemetryMayMatch } from '../../core/topic/topics.ts';

/**
 * Knows whether anybody but the hub listens to telemetry: connected clients, and sessions that are kept for absent
 * ones. Where nobody does, a reading needs no routing.
 */
export interface Audience {
  /** A listener of a connected client subscribed to a filter. */
  joined(filter: string, listener: unknown): void;
  left(filter: string, listener: unknown): void;
  /** A kept session holds these filters as well. */
  kept(clientId: string, filters: readonly string[]): void;
  /** A kept session gave up some filters, or without any named: ended. */
  released(clientId: string, filters?: readonly string[]): void;
  hearsTelemetry(): boolean;
}

export function createAudience(): Audience {
  const listeners = new Map<unknown, Set<string>>();
  const sessions = new Map<string, Set<string>>();

  const add = <Key>(to: Map<Key, Set<string>>, key: Key, filters: readonly string[]): void => {
    const relevant = filters.filter(telemetryMayMatch);
    if (relevant.length === 0) return;
    to.set(key, new Set([...(to.get(key) ?? []), ...relevant]));
  };
  const remove = <Key>(
    from: Map<Key, Set<string>>,
    key: Key,
    filters: readonly string[] | undefined,
  ): void => {
    const held = from.get(key);
    for (const filter of filters ?? []) held?.delete(filter);
    if (filters === undefined || held?.size === 0) from.delete(key);
  };

  return {
    joined: (filter, listener) => add(listeners, listener, [filter]),
    left: (filter, listener) => remove(listeners, listener, [filter]),
    kept: (clientId, filters) => add(sessions, clientId, filters),
    released: (clientId, filters) => remove(sessions, clientId, filters),
    hearsTelemetry: () => listeners.size + sessions.size > 0,
  };
}
