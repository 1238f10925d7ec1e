import { isCommandTopic, mayPublish } from '../../nodes/core/security/topic-acl.ts';
import type { Principal } from '../../nodes/core/security/types.ts';

/** Users of a broker and topics of theirs and others', to compare who may do what. */
export const aclCases = {
  users: {
    admin: { id: 'admin', role: 'llm_admin' },
    register: { id: 'registration', role: 'device', registration: true },
    'mcu-1': { id: 'k1', role: 'device', device_id: 'mcu-1' },
    'mcu-2': { id: 'k2', role: 'device', device_id: 'mcu-2' },
  } satisfies Record<string, Principal> as Record<string, Principal>,
  devices: [
    { device_id: 'mcu-1', sensor_ids: ['sensor-1', 'sensor-2'] },
    { device_id: 'mcu-2', sensor_ids: [] },
  ],
  ownerOf: (id: string): string | undefined =>
    ['sensor-1', 'sensor-2'].includes(id) ? 'mcu-1' : undefined,
  /** What the hub's own broker allows, and for the hub, which is `admin` at another broker, commands to devices. */
  mayPublish: (user: string, topic: string): boolean =>
    mayPublish(aclCases.users[user]!, topic, aclCases.ownerOf) ||
    (user === 'admin' && isCommandTopic(topic)),
  topics: [
    'llm-iot/discovery/announce',
    'llm-iot/discovery/query',
    ...['admin', 'register', 'mcu-1', 'mcu-2'].map(
      (user) => `llm-iot/discovery/response/client-${user}`,
    ),
    ...['mcu-1', 'mcu-2', 'sensor-1', 'sensor-2', 'stranger'].flatMap((id) =>
      ['telemetry', 'status', 'command/request', 'command/response', 'other'].map(
        (branch) => `llm-iot/devices/${id}/${branch}`,
      ),
    ),
    'llm-iot/alerts/error',
    'llm-iot/alerts/warning',
    'llm-iot/other',
    'elsewhere',
    'elsewhere/llm-iot/discovery/announce',
  ],
};
