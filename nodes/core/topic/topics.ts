import type { Topic, TopicBranch } from './types.ts';

/** First level of every topic of the hub (specification section 5.2). */
export const topicRoot = 'llm-iot';

/** Longest id that may stand in a topic. */
const maxIdLength = 128;

const deviceBranches = new Map<string, Extract<Topic, { deviceId: string }>['branch']>([
  ['telemetry', 'telemetry'],
  ['status', 'status'],
  ['command/request', 'command-request'],
  ['command/response', 'command-response'],
]);

const paths: Record<TopicBranch, string> = {
  telemetry: 'devices/+/telemetry',
  status: 'devices/+/status',
  'command-request': 'devices/+/command/request',
  'command-response': 'devices/+/command/response',
  announce: 'discovery/announce',
  query: 'discovery/query',
  'discovery-response': 'discovery/response/+',
  'alert-error': 'alerts/error',
  'alert-warning': 'alerts/warning',
};

/**
 * Whether an id may stand as one level of a topic: 1 to 128 characters without `/`, `+`, `#` or a control
 * character. U+FFFD is refused as well: it is what ill-formed UTF-8 turns into.
 */
export function isTopicId(id: string): boolean {
  if (id.length === 0 || id.length > maxIdLength) return false;
  for (let i = 0; i < id.length; i++) {
    const code = id.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f) || code === 0xfffd) return false;
    if (code === 0x23 || code === 0x2b || code === 0x2f) return false;
  }
  return true;
}

let lastTopic = '';
let lastParsed: Readonly<Topic> | undefined;

/** Takes a topic name apart; undefined for what is not in the tree, filters with wildcards included. */
export function parseTopic(topic: string): Readonly<Topic> | undefined {
  // Asked twice for every message, and devices send many to one topic.
  if (topic !== lastTopic) {
    lastParsed = takeApart(topic);
    lastTopic = topic;
  }
  return lastParsed;
}

function takeApart(topic: string): Topic | undefined {
  const [root, group, ...rest] = topic.split('/', 6);
  if (root !== topicRoot) return undefined;
  if (group === 'devices') return parseDevice(rest);
  if (group === 'discovery') return parseDiscovery(rest);
  if (group === 'alerts' && rest.length === 1) {
    if (rest[0] === 'error') return { branch: 'alert-error' };
    if (rest[0] === 'warning') return { branch: 'alert-warning' };
  }
  return undefined;
}

function parseDevice([deviceId, ...path]: string[]): Topic | undefined {
  if (deviceId === undefined || !isTopicId(deviceId)) return undefined;
  const branch = deviceBranches.get(path.join('/'));
  return branch && { branch, deviceId };
}

function parseDiscovery(rest: string[]): Topic | undefined {
  const [kind, clientId] = rest;
  if (rest.length === 1 && (kind === 'announce' || kind === 'query')) return { branch: kind };
  if (rest.length !== 2 || kind !== 'response' || clientId === undefined) return undefined;
  return isTopicId(clientId) ? { branch: 'discovery-response', clientId } : undefined;
}

/**
 * Writes a topic; the inverse of {@link parseTopic}.
 * @throws RangeError when the device id or client id cannot stand in a topic (see {@link isTopicId})
 */
export function formatTopic(topic: Topic): string {
  const id =
    'deviceId' in topic ? topic.deviceId : 'clientId' in topic ? topic.clientId : undefined;
  if (id !== undefined && !isTopicId(id)) {
    throw new RangeError(
      `an id in a topic has 1 to ${maxIdLength} characters without "/", "+", "#" or control characters`,
    );
  }
  return `${topicRoot}/${id === undefined ? paths[topic.branch] : paths[topic.branch].replace('+', () => id)}`;
}

/** The MQTT topic filter of one branch for all ids, or of the whole tree. */
export function branchFilter(branch: TopicBranch | 'any'): string {
  return branch === 'any' ? `${topicRoot}/#` : `${topicRoot}/${paths[branch]}`;
}

/** Whether an MQTT topic filter may match the telemetry topic of some device or sensor. */
export function telemetryMayMatch(filter: string): boolean {
  const topic = branchFilter('telemetry').split('/');
  const levels = filter.split('/');
  const many = levels.indexOf('#');
  const compared = many < 0 ? Math.max(levels.length, topic.length) : many;
  for (let at = 0; at < compared; at++) {
    const [asked, named] = [levels[at], topic[at]];
    if (asked === undefined || named === undefined) return false;
    if (asked !== '+' && named !== '+' && asked !== named) return false;
  }
  return true;
}

/** The device or sensor a topic belongs to, if it belongs to one. */
export function deviceIdOf(topic: Readonly<Topic> | undefined): string | undefined {
  return topic && 'deviceId' in topic ? topic.deviceId : undefined;
}
