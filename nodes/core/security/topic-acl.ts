import { formatTopic, isTopicId, parseTopic, topicRoot } from '../topic/topics.ts';
import type { TopicBranch } from '../topic/types.ts';
import { admits, narrowsDevices, type CanSee } from './scope-rules.ts';
import type { Principal } from './types.ts';

/** The device (MCU) that a sensor belongs to; undefined for an id that is no sensor. */
export type OwnerOf = (sensorId: string) => string | undefined;

const announce = formatTopic({ branch: 'announce' });
const query = formatTopic({ branch: 'query' });
const devicesPrefix = `${topicRoot}/devices/`;
const commandTopic = new RegExp(`^${topicRoot}/devices/[^/]*/command(/|$)`);

/** Branches of the topic tree in which a device publishes, for itself and its sensors. */
export const deviceBranches = ['telemetry', 'status', 'command-response'] as const;

/** Whether this device is the one meant, or owns the sensor meant. */
export function actsFor(deviceId: string, id: string, ownerOf: OwnerOf): boolean {
  return id === deviceId || ownerOf(id) === deviceId;
}

/** Where nobody knows the devices, a scope for some of them is for none. */
const seesAllOrNone: CanSee = (principal) => !narrowsDevices(principal?.scope);

/** The methods that publishing stands for; an announcement is a call and checked as one. */
const methodsOfBranches: Partial<Record<TopicBranch, string>> = {
  telemetry: 'telemetry.update',
  status: 'device.heartbeat',
};

/**
 * A scope is for calls, so publishing goes as far as the method it stands for would. A command by MQTT could not be
 * held against it and is left to `device.execute`.
 */
function scopePublishes(principal: Principal, topic: string, canSee: CanSee): boolean {
  const parsed = parseTopic(topic);
  if (parsed?.branch === 'announce') return true;
  if (!parsed || !('deviceId' in parsed) || !canSee(principal, parsed.deviceId)) return false;
  if (parsed.branch === 'command-response') return principal.device_id !== undefined;
  const method = methodsOfBranches[parsed.branch];
  return method !== undefined && admits(principal.scope?.methods, method);
}

/**
 * What a scope leaves of hearing: its devices, if `subscribe` is among its methods. Announcements and their answers,
 * which hold keys, and what the broker tells of its clients are nobody's with a scope; alarms are on one topic for all
 * devices, so they go with a scope for all only.
 */
function scopeHears(principal: Principal, filter: string, canSee: CanSee): boolean {
  const { scope, device_id: own } = principal;
  const [root, group, id, ...rest] = filter.split('/');
  if (root !== topicRoot) return false;
  if (own === undefined && !admits(scope?.methods, 'subscribe')) return false;
  // What comes by a filter with wildcards is asked for again, topic by topic.
  if (group === '#' || group === '+') return true;
  if (group === 'alerts') return !narrowsDevices(scope);
  if (group !== 'devices' || id === undefined) return false;
  return id === '#' || (id === '+' && rest.length > 0) || canSee(principal, id);
}

/**
 * Whether the principal may publish to this topic name (specification sections 5.2 and 6.2).
 * @param canSee needed where a scope may be for some devices only; without it such a principal may nothing
 */
export function mayPublish(
  principal: Principal,
  topic: string,
  ownerOf: OwnerOf,
  canSee: CanSee = seesAllOrNone,
): boolean {
  if (/[+#]/.test(topic)) return false;
  if (principal.scope && !scopePublishes(principal, topic, canSee)) return false;
  if (principal.registration) return topic === announce;
  if (principal.device_id !== undefined) {
    const parsed = parseTopic(topic);
    switch (parsed?.branch) {
      case 'announce':
        return true;
      case 'telemetry':
      case 'status':
      case 'command-response':
        return actsFor(principal.device_id, parsed.deviceId, ownerOf);
      default:
        return false;
    }
  }
  return (
    principal.role === 'llm_admin' && topic.startsWith(`${topicRoot}/`) && !isCommandTopic(topic)
  );
}

/** Where the hub alone speaks: a command that came another way would have met no policy and no signature. */
export function isCommandTopic(topic: string): boolean {
  return commandTopic.test(topic) && parseTopic(topic)?.branch !== 'command-response';
}

/** What the discovery handshake needs: the hub's questions, and the answer to this very client. */
function inHandshake(filter: string, clientId: string): boolean {
  if (filter === query) return true;
  return isTopicId(clientId) && filter === formatTopic({ branch: 'discovery-response', clientId });
}

/**
 * Whether the principal may subscribe to this topic filter. A topic name is a filter too: the same question
 * decides what may be forwarded to a client and which response topic it may ask for.
 * @param clientId the MQTT client id of the asking connection
 */
export function maySubscribe(
  principal: Principal,
  filter: string,
  clientId: string,
  ownerOf: OwnerOf,
  canSee: CanSee = seesAllOrNone,
): boolean {
  if (principal.registration) return inHandshake(filter, clientId);
  if (principal.scope && !inHandshake(filter, clientId) && !scopeHears(principal, filter, canSee))
    return false;
  if (principal.device_id !== undefined) {
    if (inHandshake(filter, clientId)) return true;
    if (!filter.startsWith(devicesPrefix)) return false;
    const end = filter.indexOf('/', devicesPrefix.length);
    if (end < 0) return false;
    const id = filter.slice(devicesPrefix.length, end);
    return isTopicId(id) && actsFor(principal.device_id, id, ownerOf);
  }
  if (principal.role !== 'llm_admin') return false;
  const root = filter.split('/', 1)[0];
  return root === topicRoot || root === '$SYS';
}
