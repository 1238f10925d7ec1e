import type { Client, PublishPacket } from 'aedes';
import { actsFor, type OwnerOf } from '../../core/security/topic-acl.ts';
import type { Principal } from '../../core/security/types.ts';
import type { InboundMessage } from '../../core/topic/ports.ts';
import { deviceIdOf, parseTopic } from '../../core/topic/topics.ts';
import type { Topic } from '../../core/topic/types.ts';
import { createAcknowledgements, pubackPacket, type Acknowledgeable } from './acknowledgements.ts';
import {
  acknowledgeStored,
  awaitOneMore,
  connectionOf,
  nameClient,
  reasonCodes,
  refusePublish,
  withholdAcknowledgement,
} from './aedes-guard.ts';
import type { Sessions } from './aedes-sessions.ts';
import type { Audience } from './audience.ts';
import type { InFlight } from './in-flight.ts';
import { settleOnce } from './link-events.ts';
import type { Pace, Paces } from './pace.ts';
import { readProperties } from './properties.ts';
import type { PlainPublish } from './publish-lane.ts';

/** A connection, or what stands for one that has ended. */
export type Publisher = Pick<Client, 'id'>;

/** Who a connection is. */
export interface Identity {
  /** Where it comes from; not known of a client of an earlier process. */
  address?: string;
  principal: Principal;
  /** Its key was revoked: nothing more is taken from it, its will included. */
  revoked: boolean;
  /** Absent for what stands for a connection that has ended. */
  pace?: Pace;
}

export interface IntakeDeps extends Pick<Sessions, 'tookQos2' | 'keep' | 'mayRetain'> {
  identityOf: (client: Publisher) => Identity | undefined;
  ownerOf: OwnerOf;
  mayPublish: (principal: Principal, topic: string) => boolean;
  /** Whether a client may receive what is published to a topic. */
  mayHear: (client: Publisher, topic: string) => boolean;
  /** Counts and logs a refusal; one with a subject is of something that is not allowed. */
  refuse: (client: Publisher, why: string, subject?: string) => void;
  deliver: (message: InboundMessage) => void;
  isClosing: () => boolean;
  inFlight: InFlight;
  paces: Pick<Paces, 'count'>;
  audience: Audience;
  redeliveryDelayMs: number;
}

/** The telemetry topic a client used last; devices have one or two. */
interface LaneState {
  rawTopic: string;
  topic: string;
  parsed: Readonly<Topic>;
  deviceId: string;
  connection: Acknowledgeable;
}

/** Takes what clients publish: refuses what they may not, hands the rest to the hub and waits for its answer. */
export interface Intake {
  takePublish(client: Client, packet: PublishPacket, done: () => void): void;
  /** Telemetry that only the hub wants; false for anything else, which then comes as a packet. */
  takePlain: (client: Client, publish: PlainPublish) => boolean;
  /** A will; an error keeps it from being published. */
  takeWill(client: Publisher, packet: PublishPacket, done: (error?: Error | null) => void): void;
}

export function createIntake(deps: IntakeDeps): Intake {
  const { identityOf, ownerOf, mayHear, tookQos2, refuse, isClosing, inFlight, audience } = deps;
  const { paces } = deps;
  const acknowledgements = createAcknowledgements();
  const lanes = new WeakMap<Client, LaneState>();
  const asked = new WeakSet<Client>();

  /** Has a client send again what was not stored, by ending its connection after a while. */
  const askAgain = (client: Client): void => {
    if (asked.has(client)) return;
    asked.add(client);
    const timer = setTimeout(() => client.conn.destroy(), deps.redeliveryDelayMs);
    timer.unref();
  };
  /** What a client is told of a message that came by the lane, if anything. */
  const acknowledgement = (
    client: Client,
    packetId: number,
    error: Error | undefined,
  ): Buffer | undefined => {
    if (packetId === 0) return undefined;
    if (!error) return pubackPacket(packetId);
    if (client.version === 5) return pubackPacket(packetId, reasonCodes.notStored);
    askAgain(client);
    return undefined;
  };
  /** Repetitions of QoS 2 messages that the hub has not settled yet, by message id and client id. */
  const repetitions = new Map<string, (() => void)[]>();

  const objection = (
    identity: Identity,
    client: Publisher,
    packet: PublishPacket,
  ): string | undefined => {
    if (identity.revoked) return 'its key was revoked';
    if (!deps.mayPublish(identity.principal, packet.topic)) {
      return `may not publish to ${packet.topic}`;
    }
    const answer = packet.properties?.responseTopic;
    if (answer !== undefined && (/[+#]/.test(answer) || !mayHear(client, answer))) {
      return `may not ask for an answer to ${answer}`;
    }
    return undefined;
  };

  /** Who published this, if they may; the refusal is told and counted here. */
  const publisher = (client: Publisher, packet: PublishPacket): Principal | undefined => {
    const identity = identityOf(client);
    const problem = identity ? objection(identity, client, packet) : 'is not known';
    if (problem === undefined) return identity?.principal;
    refuse(client, problem, `publish ${packet.topic}`);
    return undefined;
  };

  const withhold = (client: Client, packet: PublishPacket, done: () => void): void =>
    withholdAcknowledgement(client, packet, done, () => askAgain(client));

  /** Ends a publication that the hub took: what is kept of it is on disk before it is acknowledged. */
  const keepThenAcknowledge = (client: Client, packet: PublishPacket, done: () => void): void => {
    const kept = deps.keep(client, packet);
    if (!kept) {
      done();
      return;
    }
    const { length } = packet.payload;
    inFlight.add(length);
    kept
      .finally(() => inFlight.remove(length))
      .then(
        () => acknowledgeStored(client, packet, done),
        () => withhold(client, packet, done),
      );
  };

  const keepsPace = (client: Publisher, bytes: number): boolean => {
    const pace = identityOf(client)?.pace;
    return !pace || paces.count(pace, bytes);
  };

  const takePublish: Intake['takePublish'] = (client, packet, done) => {
    const principal = publisher(client, packet);
    if (!principal) {
      refusePublish(client, packet, done);
      return;
    }
    if (!keepsPace(client, packet.payload.length) && client.version === 5 && packet.qos > 0) {
      refuse(client, 'publishes more than it may in a second');
      refusePublish(client, packet, done, reasonCodes.quotaExceeded);
      return;
    }
    if (packet.retain && !deps.mayRetain(client, packet)) {
      refuse(client, 'may have no more messages retained');
      refusePublish(client, packet, done, reasonCodes.quotaExceeded);
      return;
    }
    nameClient(client, packet);
    let key: string | undefined;
    if (packet.qos === 2) {
      // Exactly once for the hub too: aedes looks for repetitions only after its authorization hook.
      if (tookQos2(client.id, packet.messageId ?? 0)) {
        keepThenAcknowledge(client, packet, done);
        return;
      }
      key = `${packet.messageId ?? 0} ${client.id}`;
      const waiting = repetitions.get(key);
      if (waiting) {
        waiting.push(() => takePublish(client, packet, done));
        return;
      }
      repetitions.set(key, []);
    }
    const settle = (error: Error | undefined): void => {
      if (isClosing()) return;
      const lane = lanes.get(client);
      if (lane) acknowledgements.flush(lane.connection);
      if (error) withhold(client, packet, done);
      else keepThenAcknowledge(client, packet, done);
      if (key === undefined) return;
      const waiting = repetitions.get(key) ?? [];
      repetitions.delete(key);
      for (const repetition of waiting) setImmediate(repetition);
    };
    deliver(toMessage(client, principal, packet, false), settle);
  };

  /** Hands a message to the hub; `then` runs once, when the hub has settled it. */
  const deliver = (
    message: Omit<InboundMessage, 'settle'>,
    then: (error: Error | undefined) => void,
  ): void => {
    const { length } = message.payload;
    inFlight.add(length);
    const settle = settleOnce((error) => {
      inFlight.remove(length);
      then(error);
    });
    deps.deliver({ ...message, settle });
  };

  const laneOf = (client: Client, rawTopic: string): LaneState | undefined => {
    const known = lanes.get(client);
    if (known?.rawTopic === rawTopic) return known;
    const topic = Buffer.from(rawTopic, 'latin1').toString();
    const parsed = parseTopic(topic);
    const deviceId = deviceIdOf(parsed);
    if (parsed?.branch !== 'telemetry' || deviceId === undefined) return undefined;
    const connection = known?.connection ?? connectionOf(client);
    const lane = { rawTopic, topic, parsed, deviceId, connection };
    lanes.set(client, lane);
    return lane;
  };

  return {
    takePublish,
    takePlain(client, { rawTopic, packetId, payload }) {
      if (audience.hearsTelemetry()) return false;
      const identity = identityOf(client);
      const { device_id: own, scope } = identity?.principal ?? {};
      // What a scope takes away is asked where packets are.
      const lane = own === undefined || scope ? undefined : laneOf(client, rawTopic);
      if (!identity || identity.revoked || own === undefined || !lane) return false;
      if (!actsFor(own, lane.deviceId, ownerOf)) return false;
      const { topic, parsed, connection } = lane;
      awaitOneMore(client);
      const isInTime = !identity.pace || paces.count(identity.pace, payload.length);
      if (!isInTime && client.version === 5 && packetId !== 0) {
        refuse(client, 'publishes more than it may in a second');
        acknowledgements.settle(connection, pubackPacket(packetId, reasonCodes.quotaExceeded));
        return true;
      }
      inFlight.add(payload.length);
      let settled = false;
      deps.deliver({
        topic,
        parsed,
        payload,
        qos: packetId === 0 ? 0 : 1,
        retained: false,
        will: false,
        clientId: client.id,
        principal: identity.principal,
        settle(error) {
          if (settled) return;
          settled = true;
          inFlight.remove(payload.length);
          if (isClosing()) return;
          acknowledgements.settle(connection, acknowledgement(client, packetId, error));
        },
      });
      return true;
    },
    takeWill(client, packet, done) {
      const principal = publisher(client, packet);
      if (principal) {
        deliver(toMessage(client, principal, packet, true), (error) => done(error ?? null));
      } else {
        done(new Error('refused'));
      }
    },
  };
}

function toMessage(
  client: Publisher,
  principal: Principal,
  packet: PublishPacket,
  will: boolean,
): Omit<InboundMessage, 'settle'> {
  return {
    topic: packet.topic,
    parsed: parseTopic(packet.topic),
    payload: typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload,
    qos: packet.qos,
    retained: false,
    will,
    clientId: client.id,
    principal,
    ...readProperties(packet.properties),
  };
}
