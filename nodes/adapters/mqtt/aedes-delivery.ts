/** What aedes 2.0.0-beta.1 does otherwise than MQTT wants when it delivers to sessions that are kept. */
import type { Aedes, Client } from 'aedes';
import { brokerInternals, internals, type ClientInternals } from './aedes-internals.ts';
import type { Channel } from './sessions/keep-publication.ts';

/** The way of messages that were stored outside of aedes to those who are connected. */
export function channelOf(broker: Aedes): Channel {
  const inner = brokerInternals(broker);
  return {
    identify: (message) => ({ ...message, brokerId: inner.id, brokerCounter: ++inner.counter }),
    forward: (message) => void inner.mq.emit(message, () => undefined),
  };
}

/** Corrects what a client is sent; to be called before it subscribes to anything. */
export function guardDelivery(client: Client): void {
  const inner = internals(client);
  forwardOnce(inner);
  trackForwardedAsRetained(inner);
}

/**
 * Several subscriptions of a client get a message once. aedes tells by the count of its publication, and would take
 * a message whose way to the disk was longer than that of a later one for forwarded already.
 */
function forwardOnce(inner: ClientInternals): void {
  const { broker } = inner;
  let last: number | undefined;
  Object.defineProperty(inner.duplicates, broker.id, {
    get: () => (last === broker.emissions ? Infinity : 0),
    set() {
      last = broker.emissions;
    },
  });
}

/**
 * aedes does not note the packet id of what it forwards with the retain flag, so its acknowledgement would end
 * nothing. Here it forwards it without; the flag is set again from the message that waits in the queue.
 */
function trackForwardedAsRetained(inner: ClientInternals): void {
  const deliver = inner.deliverQoS.bind(inner);
  inner.deliverQoS = (packet, done) => {
    const isTracked = packet.qos > 0 && packet.brokerId !== null && !inner.clean;
    if (isTracked) packet.retain = false;
    deliver(packet, done);
  };
}

/** Ends a client's session with its connection, whatever its CONNECT asked for; an MQTT 5 client is told. */
export function makeSessionEphemeral(client: Client): void {
  const inner = internals(client);
  inner.clean = true;
  inner.sessionExpiryInterval = 0;
  inner._connectSessionExpiryInterval = 0;
  inner._sessionExpiryClamped = client.version === 5;
}

/**
 * Gives a client that resumes a session, to end it with this connection, the messages that waited for it. aedes
 * drops them, as it takes such a client for one without a session.
 */
export function resumeSession(client: Client): void {
  internals(client).clean = false;
}

/** Packet ids under which messages of a kept session wait for their acknowledgement are not given to others. */
export function skipPacketIds(client: Client, isUsed: (packetId: number) => boolean): void {
  const inner = internals(client);
  let next = inner._nextId;
  Object.defineProperty(inner, '_nextId', {
    get() {
      while (isUsed(next)) next = next >= 65_535 ? 1 : next + 1;
      return next;
    },
    set(value: number) {
      next = value;
    },
  });
}

/** Whether a client was told that it is connected: nothing may be sent to it before. */
export function isReady(client: Client): boolean {
  return internals(client).connackSent;
}
