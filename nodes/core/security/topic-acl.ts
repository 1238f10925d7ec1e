import { formatTopic, isTopicId, parseTopic, topicRoot } from '../topic/topics.ts';
import type { Principal } from './types.ts';

/** The device (MCU) that a sensor belongs to; undefined for an id that is no sensor. */
export type OwnerOf = (sensorId: string) => string | undefined;

const announce = formatTopic({ branch: 'announce' });
const query = formatTopic({ branch: 'query' });
const devicesPrefix = `${topicRoot}/devices/`;

/** Branches of the topic tree in which a device publishes, for itself and its sensors. */
export const deviceBranches = ['telemetry', 'status', 'command-response'] as const;

/** Whether this device is the one meant, or owns the sensor meant. */
export function actsFor(deviceId: string, id: string, ownerOf: OwnerOf): boolean {
  return id === deviceId || ownerOf(id) === deviceId;
}

/** Whether the principal may publish to this topic name (specification sections 5.2 and 6.2). */
export function mayPublish(principal: Principal, topic: string, ownerOf: OwnerOf): boolean {
  if (/[+#]/.test(topic)) return false;
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
  return principal.role === 'llm_admin' && topic.startsWith(`${topicRoot}/`);
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
): boolean {
  if (principal.registration) return inHandshake(filter, clientId);
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
