import type { Clock } from '../../core/clock.ts';
import type { DeviceRecord } from '../../core/device/types.ts';
import type { Emitter, HubEvents } from '../../core/events.ts';
import type { Ids } from '../../core/ids.ts';
import { ErrorCode, RpcError } from '../../core/rpc/errors.ts';
import type { MethodTable } from '../../core/rpc/types.ts';
import { devicesOf, narrowsDevices } from '../../core/security/scope-rules.ts';
import type { Principal } from '../../core/security/types.ts';
import type { StreamSession, Streams } from '../../core/stream/types.ts';
import type { ResourceAccess } from './resources.ts';
import type { McpChange } from './types.ts';
import { alertsUri, devicesUri, deviceUri } from './uris.ts';

/** A client that wants to hear of changes. */
export interface Watcher {
  /** Ends quietly if the URI is watched already. @throws RpcError -32006 past the limit; false if there is none for them */
  add(uri: string): boolean;
  remove(uri: string): void;
  /** What waited because the client could not be told can be told now. */
  flush: () => void;
  end(): void;
}

export interface Watchers {
  watch(client: {
    principal: Principal;
    /** Whether it can be told something now without piling up. */
    writable: () => boolean;
    tell: (change: McpChange) => void;
  }): Watcher;
  size(): number;
  close(): void;
}

const mostUris = 100;
/** A client hears of the same thing once in this time, however often it changes. */
const quietMs = 1_000;
/** The table of methods changes often in the course of one deploy. */
const deployMs = 250;

interface Entry {
  principal: Principal;
  uris: Map<string, string | undefined>;
  /** That something changed, by URI or list. */
  mark(change: string): void;
}

/**
 * Tells clients which resources and lists changed. That is all they are told: what it is now they read with their own
 * rights. Changes wait, each at most once, for a client that is slow or was told just now.
 */
export function createWatchers(deps: {
  access: ResourceAccess;
  streams: Streams;
  events: Emitter<HubEvents>;
  methods: MethodTable;
  clock: Clock;
  ids: Ids;
}): Watchers & { alertChanged(deviceId: string | undefined): void } {
  const { access, streams, events, methods, clock, ids } = deps;
  const entries = new Set<Entry>();
  const byUri = new Map<string, Set<Entry>>();

  const changed = (uri: string, sees: (principal: Principal) => boolean): void => {
    for (const entry of byUri.get(uri) ?? []) if (sees(entry.principal)) entry.mark(uri);
  };
  const seesDevice =
    (device: DeviceRecord) =>
    ({ role, device_id: own, scope }: Principal): boolean =>
      (role !== 'device' || own === device.device_id) && (devicesOf(scope)?.(device) ?? true);

  /** What the hub tells of a device. @param joins whether the list of resources is another one now */
  const onDevice =
    (joins: boolean, schema: boolean) =>
    ({ device }: { device: DeviceRecord }): void => {
      if (entries.size === 0) return;
      const sees = seesDevice(device);
      changed(devicesUri, sees);
      changed(deviceUri(device.device_id), sees);
      if (schema) changed(deviceUri(device.device_id, 'schema'), sees);
      if (joins) for (const entry of entries) if (sees(entry.principal)) entry.mark('resources');
    };
  let cancelDeploy = (): void => undefined;
  let toolsWere = toolsText(methods);
  const stops = [
    events.on('registered', onDevice(true, true)),
    events.on('removed', onDevice(true, true)),
    events.on('resumed', onDevice(false, true)),
    events.on('updated', onDevice(true, true)),
    events.on('online', onDevice(false, false)),
    events.on('offline', onDevice(false, false)),
    events.on('sensor_discovered', onDevice(false, true)),
    events.on('methods_changed', onDevice(false, true)),
    methods.onChange(() => {
      cancelDeploy();
      cancelDeploy = clock.after(deployMs, () => {
        const tools = toolsText(methods);
        if (tools === toolsWere) return;
        toolsWere = tools;
        for (const entry of entries) {
          entry.mark('tools');
          entry.mark('prompts');
        }
      });
    }),
    () => cancelDeploy(),
  ];

  const leave = (entry: Entry, session: StreamSession, uri: string): void => {
    const subscription = entry.uris.get(uri);
    if (subscription !== undefined) streams.unsubscribe(session, { subscription_id: subscription });
    entry.uris.delete(uri);
    const others = byUri.get(uri);
    others?.delete(entry);
    if (others?.size === 0) byUri.delete(uri);
  };

  return {
    watch({ principal, writable, tell }) {
      const waiting = new Set<string>();
      let toldAt = -Infinity;
      let cancel: (() => void) | undefined;
      const flush = (): void => {
        cancel?.();
        cancel = undefined;
        if (waiting.size === 0) return;
        const wait = toldAt + quietMs - clock.elapsed();
        if (wait > 0 || !writable()) {
          cancel = clock.after(Math.max(wait, quietMs / 4), flush);
          return;
        }
        toldAt = clock.elapsed();
        const due = [...waiting];
        waiting.clear();
        for (const change of due) tell(isList(change) ? change : { uri: change });
      };
      const entry: Entry = {
        principal,
        uris: new Map(),
        mark(change) {
          waiting.add(change);
          if (!cancel) flush();
        },
      };
      const session: StreamSession = {
        id: `mcp-${ids.uuid()}`,
        principal,
        writable: () => true,
        send(text) {
          const [, id = '', kind] = channel.exec(text) ?? [];
          entry.mark(kind === 'telemetry' ? deviceUri(id, 'telemetry') : alertsUri);
        },
      };
      entries.add(entry);
      return {
        add(uri) {
          if (entry.uris.has(uri)) return true;
          const address = access.find(uri, principal);
          if (!address) return false;
          if (entry.uris.size >= mostUris)
            throw new RpcError(
              ErrorCode.ResourceExhausted,
              `a client may be subscribed to ${mostUris} resources; ${devicesUri} covers all devices`,
              { max_subscriptions: mostUris },
            );
          const followed =
            address.kind === 'telemetry'
              ? `device.${address.id}.telemetry`
              : address.kind === 'alerts'
                ? 'device.*.alerts'
                : undefined;
          const subscription = followed && streams.subscribe(session, [followed]).subscription_id;
          entry.uris.set(uri, subscription);
          const others = byUri.get(uri) ?? new Set();
          byUri.set(uri, others.add(entry));
          return true;
        },
        remove: (uri) => leave(entry, session, uri),
        flush,
        end() {
          cancel?.();
          entries.delete(entry);
          waiting.clear();
          for (const uri of [...entry.uris.keys()]) leave(entry, session, uri);
          streams.drop(session);
        },
      };
    },
    alertChanged(deviceId) {
      // Those of devices come by the streams, which know who may see them.
      if (deviceId === undefined) changed(alertsUri, ({ scope }) => !narrowsDevices(scope));
    },
    size: () => entries.size,
    close() {
      for (const stop of stops) stop();
    },
  };
}

const channel = /"channel":"device\.([\w-]+)\.([a-z]+)"/;

const isList = (change: string): change is 'tools' | 'resources' | 'prompts' =>
  change === 'tools' || change === 'resources' || change === 'prompts';

/** All that is told of tools, to see whether a deploy changed any. */
const toolsText = (methods: MethodTable): string =>
  JSON.stringify(
    methods.names().flatMap((name) => (methods.get(name)?.tool ? methods.get(name) : [])),
  );
