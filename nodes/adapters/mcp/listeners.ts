import { AsyncLocalStorage } from 'node:async_hooks';
import type { ServerEvent, ServerEventBus } from '@modelcontextprotocol/server';
import type { Principal } from '../../core/security/types.ts';
import type { McpChange } from './types.ts';
import type { Watchers } from './watchers.ts';

/** Who opens a `subscriptions/listen` stream, and what for. */
export interface Listening {
  principal: Principal;
  uris: readonly string[];
  isWritable: () => boolean;
  /** Called with what tries again to tell what waits. */
  onFlush: (flush: () => void) => void;
}

/**
 * The bus of the SDK for streams of revision 2026-07-28. The SDK publishes to all of them alike; here each hears of what
 * its own principal may know of.
 */
export function createListeners(watchers: Watchers): {
  bus: ServerEventBus;
  /** Does something on behalf of who listens. */
  as<T>(listening: Listening, work: () => Promise<T>): Promise<T>;
} {
  const current = new AsyncLocalStorage<Listening>();
  return {
    as: (listening, work) => current.run(listening, work),
    bus: {
      publish: () => undefined, // nothing is told to everybody
      subscribe(listener) {
        const listening = current.getStore();
        if (!listening) return () => undefined;
        const watcher = watchers.watch({
          principal: listening.principal,
          writable: listening.isWritable,
          tell: (change) => listener(eventOf(change)),
        });
        for (const uri of listening.uris) watcher.add(uri);
        listening.onFlush(watcher.flush);
        return () => watcher.end();
      },
    },
  };
}

function eventOf(change: McpChange): ServerEvent {
  if (change === 'tools') return { kind: 'tools_list_changed' };
  if (change === 'resources') return { kind: 'resources_list_changed' };
  if (change === 'prompts') return { kind: 'prompts_list_changed' };
  return { kind: 'resource_updated', uri: change.uri };
}
