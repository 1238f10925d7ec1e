/**
 * What aedes 2.0.0-beta.1 leaves open to hostile clients is closed here, and where it knows only "accept or
 * disconnect" this adds the other answers of MQTT. Each of these has a test with a hostile client beside it, so that
 * another version of aedes can be tried.
 */
import type { Aedes, Client, PublishPacket } from 'aedes';
import { pubackPacket, type Acknowledgeable } from './acknowledgements.ts';
import { guardDelivery } from './aedes-delivery.ts';
import {
  brokerInternals,
  internals,
  type ConnectOrPublish,
  type Packet,
} from './aedes-internals.ts';
import type { Audience } from './audience.ts';
import type { InFlight } from './in-flight.ts';
import type { BrokerLimits } from './limits.ts';
import { createPublishLane, type PlainPublish } from './publish-lane.ts';

/** Stands in for a topic that must not reach the routing tables; nobody may publish or subscribe to it. */
const refusedTopic = '$refused';

/**
 * Makes the broker safe for any client id, and its publishers independent of its subscribers; tells who listens.
 */
export function guardBroker(broker: Aedes, audience: Audience): void {
  const inner = brokerInternals(broker);
  inner.clients = Object.create(null) as Record<string, Client>;
  // A publisher otherwise waits until the slowest subscriber's socket has drained.
  const emit = inner.mq.emit.bind(inner.mq);
  inner.emissions = 0;
  inner.mq.emit = (packet, done) => {
    inner.emissions = (inner.emissions ?? 0) + 1;
    emit(packet, () => undefined);
    done();
    return inner.mq;
  };
  const on = inner.mq.on.bind(inner.mq);
  const removeListener = inner.mq.removeListener.bind(inner.mq);
  inner.mq.on = (filter, listener, done) => {
    audience.joined(filter, listener);
    return on(filter, listener, done);
  };
  inner.mq.removeListener = (filter, listener, done) => {
    audience.left(filter, listener);
    return removeListener(filter, listener, done);
  };
}

/** What becomes of the bytes of a client. */
export interface ClientIntake {
  inFlight: InFlight;
  /** Whether a client keeps to its pace, as `Paces.mayRead`. */
  keepsPace: (client: Client, resume: () => void) => 'yes' | 'no' | 'cut';
  /** Takes a publication that needs nothing of aedes; false leaves it to aedes. */
  takePlain: (client: Client, publish: PlainPublish) => boolean;
}

/** Looks at the bytes and at each packet of a client before aedes does. */
export function guardClient(client: Client, limits: BrokerLimits, intake: ClientIntake): void {
  const inner = internals(client);
  inner.subscriptions = Object.create(null) as Record<string, unknown>;
  guardDelivery(client);
  boundReading(client, intake);
  const parser = inner._parser;
  const parse = parser.parse.bind(parser);
  const lane = createPublishLane(limits.maxPacketBytes);
  const take = (publish: PlainPublish): boolean => intake.takePlain(client, publish);
  parser.parse = (buffer) => {
    try {
      // Before the CONNACK, and in the middle of a packet, the bytes are for the parser alone.
      const inOrder = inner.connackSent && parser._list.length === 0 && parser._stateCounter === 0;
      const left = inOrder ? lane(buffer, inner.version, take) : buffer;
      if (left !== buffer && inner._keepaliveInterval > 0) inner._keepaliveTimer?.refresh();
      return left ? parse(left) : 0;
    } catch (error) {
      client.emit('error', error instanceof Error ? error : new Error(String(error)));
      return 0;
    }
  };
  parser.prependListener('packet', (packet) => inspect(packet, limits));
}

/** A client that sends no more at a time does not flood: some four readings. */
const calmBytes = 1_200;

/** While too much of all clients is in flight, or a client is too fast, nothing more is read. */
function boundReading(client: Client, { inFlight, keepsPace }: ClientIntake): void {
  const { conn } = client;
  const read = conn.read.bind(conn);
  let waits = false;
  let busy = false;
  const resume = (): void => {
    waits = false;
    internals(client)._nextBatch();
  };
  const mayRead = (): boolean => {
    const pace = keepsPace(client, resume);
    if (pace === 'cut') cutForPace(client);
    return pace === 'yes' && inFlight.mayRead(busy, resume);
  };
  conn.read = (size?: number) => {
    // The stream itself asks for 0 bytes, to fill its own small buffer.
    if (size !== 0 && (waits || !mayRead())) {
      waits = true;
      return null;
    }
    const bytes = read(size) as Buffer | null;
    if (bytes) busy = bytes.length > calmBytes;
    return bytes;
  };
}

const closeGraceMs = 500;

/** Ends a connection that was slowed for long; MQTT 5 says why. */
function cutForPace(client: Client): void {
  client.disconnect({ reasonCode: reasonCodes.quotaExceeded }, () => undefined);
  setTimeout(() => client.conn.destroy(), closeGraceMs).unref();
}

/** A client's connection for acknowledgements that aedes does not write. */
export function connectionOf(client: Client): Acknowledgeable {
  const inner = internals(client);
  return {
    write: (bytes) => client.conn.write(bytes),
    whenDrained: (then) => inner.waitForDrain(then),
    settled: () => inner._nextBatch(),
    isClosed: () => inner.closed,
  };
}

/** One more packet of this client is not dealt with; `settled` of its connection ends that. */
export function awaitOneMore(client: Client): void {
  internals(client)._parsingBatch += 1;
}

function inspect(packet: Packet, limits: BrokerLimits): void {
  if (packet.cmd === 'publish') {
    cleanProperties(packet);
    if (packet.topic !== undefined && !isRoutable(packet.topic, limits))
      packet.topic = refusedTopic;
  } else if (packet.cmd === 'subscribe') {
    packet.subscriptions?.forEach((subscription, index) => {
      if (index < limits.maxSubscriptions && isRoutable(subscription.topic, limits)) return;
      subscription.topic = `${refusedTopic}/${index}`;
    });
  } else if (packet.cmd === 'connect' && packet.will) {
    cleanProperties(packet.will);
  }
}

function isRoutable(topic: string, limits: BrokerLimits): boolean {
  if (topic.length > 1024 || topic === '__proto__' || topic.includes('\u0000')) return false;
  let levels = 1;
  for (let at = topic.indexOf('/'); at >= 0; at = topic.indexOf('/', at + 1)) levels++;
  return levels <= limits.maxTopicLevels;
}

const isString = (value: unknown): boolean => typeof value === 'string';

const propertyChecks: Record<string, (value: unknown) => boolean> = {
  payloadFormatIndicator: (value) => typeof value === 'boolean',
  messageExpiryInterval: (value) => typeof value === 'number',
  willDelayInterval: (value) => typeof value === 'number',
  topicAlias: (value) => typeof value === 'number',
  contentType: (value) => typeof value === 'string',
  responseTopic: (value) => typeof value === 'string' && value.length <= 1024,
  correlationData: (value) => Buffer.isBuffer(value),
  userProperties: (value) =>
    typeof value === 'object' && value !== null && Object.values(value).flat().every(isString),
};

/** A property sent twice is parsed into a list, which cannot be written again: it would end each subscriber. */
function cleanProperties(packet: ConnectOrPublish): void {
  if (typeof packet.properties !== 'object' || packet.properties === null) {
    delete packet.properties;
    return;
  }
  packet.properties = Object.fromEntries(
    Object.entries(packet.properties).filter(([name, value]) => propertyChecks[name]?.(value)),
  );
}

/** The topics a client is subscribed to now. */
export function subscriptionCount(client: Client): number {
  return Object.keys(internals(client).subscriptions).length;
}

const pubrec = 0x50;

/** MQTT 5 reason codes (section 2.4). */
export const reasonCodes = {
  notStored: 0x83,
  notAuthorized: 0x87,
  banned: 0x8a,
  quotaExceeded: 0x97,
  administrativeAction: 0x98,
};

/** Refuses an MQTT 5 CONNECT with a reason that aedes has no way to say, and closes the connection. */
export function refuseWithReason(client: Client, reason: number, then: () => void): void {
  client.conn.write(Buffer.from([0x20, 3, 0, reason, 0]), () => {
    client.close();
    then();
  });
}

/**
 * Drops a publication and keeps the client. MQTT 5 carries the reason in the acknowledgement; MQTT 3.1.1 has no
 * such answer, so the message is acknowledged and discarded [MQTT-3.3.5-2].
 */
export function refusePublish(
  client: Client,
  packet: PublishPacket,
  done: () => void,
  reason = reasonCodes.notAuthorized,
): void {
  discard(packet);
  if (packet.qos > 0) {
    if (client.version === 5) acknowledge(client, packet, reason);
    else acknowledge(client, packet);
  }
  done();
}

/**
 * Drops a publication that could not be kept: MQTT 5 says so in the acknowledgement; in MQTT 3.1.1 it stays
 * unanswered, and `askAgain` is called.
 */
export function withholdAcknowledgement(
  client: Client,
  packet: PublishPacket,
  done: () => void,
  askAgain: () => void,
): void {
  discard(packet);
  if (packet.qos > 0) {
    if (client.version === 5) acknowledge(client, packet, reasonCodes.notStored);
    else askAgain();
  }
  done();
}

/** Says in a message who published it; aedes does so too, but only when it forwards it. */
export function nameClient(client: Client, packet: PublishPacket): void {
  (packet as PublishPacket & { clientId?: string }).clientId = client.id;
}

/** Ends a publication that was stored and forwarded outside of aedes. */
export function acknowledgeStored(client: Client, packet: PublishPacket, done: () => void): void {
  discard(packet);
  acknowledge(client, packet);
  done();
}

function discard(packet: PublishPacket): void {
  (packet as PublishPacket & { _notAuthorized?: boolean })._notAuthorized = true;
}

function acknowledge(client: Client, packet: PublishPacket, reason?: number): void {
  if (client.closed || packet.messageId === undefined) return;
  const answer = pubackPacket(packet.messageId, reason);
  // A PUBREC looks the same but for its kind.
  if (packet.qos === 2) answer[0] = pubrec;
  client.conn.write(answer);
}
