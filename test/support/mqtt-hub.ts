import { connectAsync, type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt';
import type { SessionsFile } from '../../nodes/adapters/mqtt/aedes-sessions.ts';
import {
  createEmbeddedBroker,
  type EmbeddedBrokerOptions,
} from '../../nodes/adapters/mqtt/embedded-broker.ts';
import type { BrokerLimits } from '../../nodes/adapters/mqtt/limits.ts';
import type { Clock } from '../../nodes/core/clock.ts';
import type { Authenticate } from '../../nodes/core/security/authentication.ts';
import type { Principal } from '../../nodes/core/security/types.ts';
import type { MqttLink } from '../../nodes/core/topic/ports.ts';
import { systemClock } from '../../nodes/runtime/system.ts';

/** Keys of the test broker: user name and password are the same word. */
export const principals: Record<string, Principal> = {
  register: { id: 'key-register', role: 'device', registration: true },
  admin: { id: 'admin', role: 'llm_admin' },
  'mcu-1': { id: 'key-mcu-1', role: 'device', device_id: 'mcu-1' },
  'mcu-2': { id: 'key-mcu-2', role: 'device', device_id: 'mcu-2' },
};

export const principalOf: Authenticate = ({ secret = '' }) =>
  Promise.resolve(Object.hasOwn(principals, secret) ? principals[secret] : undefined);

export const ownerOf = (id: string): string | undefined =>
  id === 'sensor-1' ? 'mcu-1' : undefined;

export interface TestBroker {
  link: MqttLink;
  port: number;
  log: string[];
}

/**
 * An embedded broker on a free port whose clients are {@link principals}.
 * @param sessions where sessions are kept; without it they end with the broker
 */
export async function startTestBroker(
  limits: Partial<BrokerLimits> = {},
  sessions?: SessionsFile,
  clock: Clock = systemClock,
  more: Pick<EmbeddedBrokerOptions, 'connections' | 'onSlowed'> = {},
): Promise<TestBroker> {
  const log: string[] = [];
  const write = (text: string): void => void log.push(text);
  const link = await createEmbeddedBroker({
    host: '127.0.0.1',
    port: 0,
    authenticate: principalOf,
    clock,
    ownerOf,
    limits,
    ...more,
    ...(sessions && { sessions }),
    log: { info: write, warn: write, error: write },
  });
  return { link, port: Number(new URL(link.url).port), log };
}

/** Connects a client as one of {@link principals}, once. */
export function connectAs(
  user: string,
  url: string,
  options: IClientOptions = {},
): Promise<MqttClient> {
  return connectAsync(
    url,
    { username: user, password: user, reconnectPeriod: 0, protocolVersion: 5, ...options },
    false,
  );
}

/** Collects what a client receives. */
export function received(client: MqttClient): IPublishPacket[] {
  const packets: IPublishPacket[] = [];
  client.on('message', (_topic, _payload, packet) => packets.push(packet));
  return packets;
}
