import assert from 'node:assert/strict';
import { mayPublish, maySubscribe } from '../../../nodes/core/security/topic-acl.ts';
import type { Principal } from '../../../nodes/core/security/types.ts';

const ownerOf = (id: string): string | undefined => (id === 'sensor-1' ? 'mcu-1' : undefined);
const device: Principal = { id: 'k1', role: 'device', device_id: 'mcu-1' };
const registrant: Principal = { id: 'k2', role: 'device', registration: true };
const admin: Principal = { id: 'k3', role: 'llm_admin' };

const publishes = (who: Principal, topic: string): boolean => mayPublish(who, topic, ownerOf);
const subscribes = (who: Principal, filter: string): boolean =>
  maySubscribe(who, filter, 'client-1', ownerOf);

function each(
  check: (who: Principal, topic: string) => boolean,
  who: Principal,
  topics: string[],
  expected: boolean,
): void {
  for (const topic of topics) assert.equal(check(who, topic), expected, topic);
}

describe('topic access', () => {
  it('lets a registration key announce, and hear the query and the answer to its own client, nothing else', () => {
    each(publishes, registrant, ['llm-iot/discovery/announce'], true);
    each(
      subscribes,
      registrant,
      ['llm-iot/discovery/query', 'llm-iot/discovery/response/client-1'],
      true,
    );
    each(
      publishes,
      registrant,
      [
        'llm-iot/discovery/query',
        'llm-iot/discovery/response/client-1',
        'llm-iot/devices/mcu-1/telemetry',
      ],
      false,
    );
    each(
      subscribes,
      registrant,
      [
        'llm-iot/discovery/announce',
        'llm-iot/discovery/#',
        'llm-iot/discovery/response/+',
        'llm-iot/discovery/response/client-2',
        'llm-iot/devices/mcu-1/#',
        '#',
        '$SYS/#',
      ],
      false,
    );
  });

  it('lets a device report for itself and its own sensors only', () => {
    for (const id of ['mcu-1', 'sensor-1']) {
      each(
        publishes,
        device,
        [
          `llm-iot/devices/${id}/telemetry`,
          `llm-iot/devices/${id}/status`,
          `llm-iot/devices/${id}/command/response`,
        ],
        true,
      );
    }
    each(publishes, device, ['llm-iot/discovery/announce'], true);
    each(
      publishes,
      device,
      [
        'llm-iot/devices/mcu-1/command/request',
        'llm-iot/devices/mcu-2/telemetry',
        'llm-iot/devices/mcu-2/status',
        'llm-iot/devices/+/telemetry',
        'llm-iot/discovery/query',
        'llm-iot/alerts/error',
        'llm-iot/alerts/warning',
        '$SYS/broker/new/clients',
        'anything',
      ],
      false,
    );
  });

  it('lets a device hear its own subtree, wildcards inside it included, and the discovery handshake', () => {
    each(
      subscribes,
      device,
      [
        'llm-iot/devices/mcu-1/command/request',
        'llm-iot/devices/sensor-1/command/request',
        'llm-iot/devices/mcu-1/#',
        'llm-iot/devices/mcu-1/command/+',
        'llm-iot/discovery/query',
        'llm-iot/discovery/response/client-1',
      ],
      true,
    );
    each(
      subscribes,
      device,
      [
        'llm-iot/devices/+/telemetry',
        'llm-iot/devices/+/command/request',
        'llm-iot/devices/mcu-2/command/request',
        'llm-iot/devices/mcu-1',
        'llm-iot/devices/#',
        'llm-iot/#',
        'llm-iot/alerts/error',
        'llm-iot/discovery/response/client-2',
        'llm-iot/discovery/announce',
        '#',
        '+/devices/mcu-1/telemetry',
        '$SYS/#',
        '$share/g/llm-iot/devices/mcu-2/#',
      ],
      false,
    );
  });

  it('gives an admin the whole tree and the $SYS topics to hear, and the tree to speak in', () => {
    each(subscribes, admin, ['llm-iot/#', 'llm-iot/devices/+/telemetry', '$SYS/#'], true);
    each(subscribes, admin, ['#', '+/devices/x', 'other/#'], false);
    each(
      publishes,
      admin,
      ['llm-iot/devices/mcu-1/command/response', 'llm-iot/alerts/error'],
      true,
    );
    each(
      publishes,
      admin,
      ['request', 'request/', 'other', ''].map((end) => `llm-iot/devices/mcu-1/command/${end}`),
      false,
    );
    each(publishes, admin, ['llm-iot/devices/mcu-1/command'], false);
    each(publishes, admin, ['$SYS/x/new/clients', 'other', 'llm-iot/devices/+/status'], false);
  });

  it('gives every other role nothing over MQTT', () => {
    for (const role of [
      'device',
      'llm_read',
      'llm_write',
      'user_viewer',
      'user_operator',
    ] as const) {
      each(
        publishes,
        { id: 'k', role },
        ['llm-iot/discovery/announce', 'llm-iot/alerts/error'],
        false,
      );
      each(subscribes, { id: 'k', role }, ['llm-iot/#', 'llm-iot/discovery/query'], false);
    }
  });

  it('knows no response topic for a client id that cannot stand in a topic', () => {
    for (const id of ['a/b', '+', '#', '']) {
      assert.equal(maySubscribe(device, `llm-iot/discovery/response/${id}`, id, ownerOf), false);
    }
  });
});
