import type { Client, PublishPacket } from 'aedes';
import { mayPublish, type OwnerOf } from '../../core/security/topic-acl.ts';
import type { Principal } from '../../core/security/types.ts';
import type { InboundMessage } from '../../core/topic/ports.ts';
import { parseTopic } from '../../core/topic/topics.ts';
import { refusePublish, withholdAcknowledgement } from './aedes-guard.ts';
import type { Sessions } from './aedes-sessions.ts';
import { settleOnce } from './link-events.ts';

/** Who a connection is. */
export interface Identity {
  principal: Principal;
  /** Its key was revoked: nothing more is taken from it, its will included. */
  revoked: boolean;
}

export interface IntakeDeps extends Pick<Sessions, 'tookQos2'> {
  identityOf: (client: Client) => Identity | undefined;
  ownerOf: OwnerOf;
  /** Whether a client may receive what is published to a topic. */
  mayHear: (client: Client, topic: string) => boolean;
  /** Counts and logs a refusal. */
  refuse: (client: Client, why: string) => void;
  deliver: (message: InboundMessage) => void;
  isClosing: () => boolean;
}

/** Takes what clients publish: refuses what they may not, hands the rest to the hub and waits for its answer. */
export interface Intake {
  takePublish(client: Client, packet: PublishPacket, done: () => void): void;
  /** A will; an error keeps it from being published. */
  takeWill(client: Client, packet: PublishPacket, done: (error?: Error | null) => void): void;
}

export function createIntake(deps: IntakeDeps): Intake {
  const { identityOf, ownerOf, mayHear, tookQos2, refuse, deliver, isClosing } = deps;
  /** Repetitions of QoS 2 messages that the hub has not settled yet, by message id and client id. */
  const repetitions = new Map<string, (() => void)[]>();

  const objection = (
    identity: Identity,
    client: Client,
    packet: PublishPacket,
  ): string | undefined => {
    if (identity.revoked) return 'its key was revoked';
    if (!mayPublish(identity.principal, packet.topic, ownerOf)) {
      return `may not publish to ${packet.topic}`;
    }
    const answer = packet.properties?.responseTopic;
    if (answer !== undefined && (/[+#]/.test(answer) || !mayHear(client, answer))) {
      return `may not ask for an answer to ${answer}`;
    }
    return undefined;
  };

  /** Who published this, if they may; the refusal is told and counted here. */
  const publisher = (client: Client, packet: PublishPacket): Principal | undefined => {
    const identity = identityOf(client);
    const problem = identity ? objection(identity, client, packet) : 'is not known';
    if (problem === undefined) return identity?.principal;
    refuse(client, problem);
    return undefined;
  };

  const takePublish: Intake['takePublish'] = (client, packet, done) => {
    const principal = publisher(client, packet);
    if (!principal) {
      refusePublish(client, packet, done);
      return;
    }
    let key: string | undefined;
    if (packet.qos === 2) {
      // Exactly once for the hub too: aedes looks for repetitions only after its authorization hook.
      if (tookQos2(client.id, packet.messageId ?? 0)) {
        done();
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
    const settle = (error?: Error): void => {
      if (isClosing()) return;
      if (error) withholdAcknowledgement(client, packet, done);
      else done();
      if (key === undefined) return;
      const waiting = repetitions.get(key) ?? [];
      repetitions.delete(key);
      for (const repetition of waiting) setImmediate(repetition);
    };
    deliver(toMessage(client, principal, packet, false, settle));
  };

  return {
    takePublish,
    takeWill(client, packet, done) {
      const principal = publisher(client, packet);
      if (principal) {
        deliver(toMessage(client, principal, packet, true, (error) => done(error ?? null)));
      } else {
        done(new Error('refused'));
      }
    },
  };
}

function toMessage(
  client: Client,
  principal: Principal,
  packet: PublishPacket,
  will: boolean,
  settle: (error?: Error) => void,
): InboundMessage {
  const { responseTopic, correlationData } = packet.properties ?? {};
  return {
    topic: packet.topic,
    parsed: parseTopic(packet.topic),
    payload: typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload,
    qos: packet.qos,
    retained: false,
    will,
    clientId: client.id,
    principal,
    ...(responseTopic !== undefined && { responseTopic }),
    ...(correlationData !== undefined && { correlationData }),
    settle: settleOnce(settle),
  };
}
