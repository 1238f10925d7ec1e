import { mayCall } from './permissions.ts';
import type { OwnerOf } from './topic-acl.ts';
import { mayPublish, maySubscribe } from './topic-acl.ts';
import type { Principal, Role } from './types.ts';

const readers: readonly Role[] = ['llm_read', 'llm_write', 'user_viewer', 'user_operator'];
const everybody: readonly Role[] = [...readers, 'device'];
const administrators: readonly Role[] = [];

/**
 * Which roles may call which method of the shipped flow (specification section 6.2); `llm_admin` may call all of them,
 * `open` is for everybody without a key too. The roles are on the `rpc in` nodes, where an administrator may change
 * them; this is what they are as shipped.
 */
export const methodRoles: Readonly<Record<string, readonly Role[] | 'open'>> = {
  'alert.acknowledge': ['llm_write', 'user_operator'],
  'alert.list': readers,
  'approval.deny': ['user_operator'],
  'approval.get': readers,
  'approval.grant': ['user_operator'],
  'approval.list': readers,
  'audit.query': administrators,
  'comfort.assess': readers,
  'command.cancel': ['llm_write', 'user_operator'],
  'command.get': readers,
  'command.list': readers,
  'command.revert': ['llm_write', 'user_operator'],
  'data.query': everybody,
  'device.batch_execute': ['llm_write'],
  'device.describe': readers,
  'device.execute': ['llm_write', 'user_operator'],
  'device.find': readers,
  'device.get': everybody,
  'device.heartbeat': ['device'],
  'device.list': readers,
  'device.plan': ['llm_write', 'user_operator'],
  'device.register': ['device'],
  'device.register_method': ['llm_write', 'device'],
  'device.remove': administrators,
  'device.update': ['llm_write'],
  'hub.backup': administrators,
  'hub.health': 'open',
  'hub.info': readers,
  'key.create': administrators,
  'key.disable': administrators,
  'key.enable': administrators,
  'key.list': administrators,
  'key.lockdown': administrators,
  'key.revoke': administrators,
  'key.rotate': ['device'],
  'key.signing_secret': administrators,
  'name.resolve': readers,
  'rpc.discover': everybody,
  'rpc.methods': everybody,
  'schema.get': everybody,
  'schema.list': everybody,
  'schema.register': ['llm_write'],
  'sensor.discover': ['llm_write', 'device'],
  'sensor.list': everybody,
  subscribe: everybody,
  'telemetry.history': readers,
  'telemetry.latest': everybody,
  'telemetry.read': readers,
  'telemetry.update': ['device'],
  'telemetry.wait': readers,
  unsubscribe: everybody,
};

/** Roles of the methods that devices register. */
export const deviceMethodRoles: readonly Role[] = ['llm_write'];

/** Who may come: nobody in particular, a newcomer, and each role with a key. */
export const callers = [
  'no key',
  'registration key',
  'device',
  'llm_read',
  'llm_write',
  'llm_admin',
  'user_viewer',
  'user_operator',
] as const;
export type CallerKind = (typeof callers)[number];

/** Somebody of each kind; the device is `own`. */
export function principalOf(kind: CallerKind, own = 'own'): Principal | undefined {
  if (kind === 'no key') return undefined;
  if (kind === 'registration key') return { id: kind, role: 'device', registration: true };
  return { id: kind, role: kind, ...(kind === 'device' && { device_id: own }) };
}

/** Whether a kind of caller may call a method of the shipped flow. */
export function mayCallShipped(kind: CallerKind, method: string): boolean {
  const roles = methodRoles[method] ?? deviceMethodRoles;
  const open = roles === 'open';
  return mayCall(
    {
      ...{ name: method, description: '', params: {}, timeoutMs: 1 },
      ...{ readOnly: false, destructive: false, roles: open ? [] : roles, open },
    },
    principalOf(kind),
  );
}

/** Topics of each kind, `{own}` and `{other}` standing for a device's own id and another's. */
export const topicExamples = [
  'llm-iot/discovery/announce',
  'llm-iot/discovery/query',
  'llm-iot/discovery/response/{own client}',
  'llm-iot/discovery/response/{other client}',
  'llm-iot/devices/{own}/telemetry',
  'llm-iot/devices/{own}/status',
  'llm-iot/devices/{own}/command/request',
  'llm-iot/devices/{own}/command/response',
  'llm-iot/devices/{other}/telemetry',
  'llm-iot/devices/{other}/status',
  'llm-iot/devices/{other}/command/request',
  'llm-iot/devices/{other}/command/response',
  'llm-iot/alerts/error',
  'llm-iot/alerts/warning',
] as const;

/** A topic of the list with real ids in it. */
export function topicOf(
  example: string,
  ids: { own: string; other: string; ownClient: string; otherClient: string },
): string {
  return example
    .replace('{own client}', ids.ownClient)
    .replace('{other client}', ids.otherClient)
    .replace('{own}', ids.own)
    .replace('{other}', ids.other);
}

const ids = { own: 'own', other: 'other', ownClient: 'client', otherClient: 'other-client' };
const noSensors: OwnerOf = () => undefined;

/** Whether a kind of caller may publish to a topic of the list, and be forwarded what is published there. */
export function topicRights(
  kind: CallerKind,
  example: string,
): { publish: boolean; subscribe: boolean } {
  const principal = principalOf(kind);
  if (!principal) return { publish: false, subscribe: false };
  const topic = topicOf(example, ids);
  return {
    publish: mayPublish(principal, topic, noSensors),
    subscribe: maySubscribe(principal, topic, ids.ownClient, noSensors),
  };
}
