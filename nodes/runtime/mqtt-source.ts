import { readStatusMessage } from '../core/device/status-message.ts';
import { ErrorCode, RpcError, toErrorObject, type ErrorObject } from '../core/rpc/errors.ts';
import { parseStrictJson } from '../core/rpc/json.ts';
import { normaliseTelemetry } from '../core/telemetry/normalise.ts';
import { deviceIdOf, formatTopic, isTopicId } from '../core/topic/topics.ts';
import type { InboundMessage } from '../core/topic/ports.ts';
import { announcerOf, clientIdOf } from './announcer.ts';
import type { Hub } from './hub.ts';
import type { InboundBranch, InboundTaker } from './inbound.ts';
import { messageOfCall, type HubMessage } from './message.ts';
import { createTelemetryBatcher } from './telemetry-batcher.ts';

export interface BranchOptions {
  branch: InboundBranch;
  /** Id of the node. */
  source: string;
  batch: { readings: number; windowMs: number };
  send: (message: HubMessage) => void;
  refuse: (message: HubMessage) => void;
}

/** Attaches a node to a branch of the topic tree; the answer detaches it. */
export function attachBranch(hub: Hub, options: BranchOptions): () => void {
  const take = takers[options.branch] ?? takePlain;
  const { listener, takeBack } = take(hub, options);
  return hub.inbound.attach(options.branch, {
    ...(takeBack && { takeBack }),
    listener(message, settled) {
      try {
        listener(message, settled);
      } catch (error) {
        const cause = error instanceof RpcError ? String(error.code) : 'internal';
        hub.ledger.refusedMessage('mqtt', cause);
        options.refuse(refusalOf(message, toErrorObject(error)));
        settled(); // refused for what it says: sending it again would not help
      }
    },
  });
}

type Taker = (hub: Hub, options: BranchOptions) => InboundTaker;

const takeTelemetry: Taker = (hub, { source, batch, send, refuse }) => {
  const batcher = createTelemetryBatcher({
    clock: hub.clock,
    deliveries: hub.deliveries,
    source,
    transport: 'mqtt',
    limits: batch,
    send: (payload, delivery) => send({ payload, delivery, topic: 'telemetry' }),
  });
  return {
    listener(message, settled) {
      const deviceId = deviceIdOf(message.parsed);
      const owner = deviceId === undefined ? undefined : hub.devices.ownerOf(deviceId);
      const { readings, rejected, operational_status } = normaliseTelemetry(
        parseStrictJson(message.payload),
        {
          arrival: hub.clock.now(),
          ...(deviceId === undefined ? {} : { deviceId }),
          owns: (id) => owner !== undefined && hub.devices.ownerOf(id) === owner,
        },
      );
      hub.noteOperationalStatus(deviceId, operational_status);
      const [first] = rejected;
      if (first) {
        hub.ledger.refused('mqtt', rejected);
        refuse(refusalOf(message, new RpcError(first.code as ErrorCode, first.reason).toObject()));
      }
      if (readings.length > 0) batcher.add(message, readings, settled);
      else settled();
    },
    takeBack: () => batcher.takeBack(),
  };
};

/** What an announcement is answered when it is not what it should be, whoever sent it. */
const malformed: ReadonlySet<number> = new Set([
  ErrorCode.ParseError,
  ErrorCode.InvalidRequest,
  ErrorCode.MethodNotFound,
  ErrorCode.InvalidParams,
  ErrorCode.SchemaValidationFailed,
]);

/** The errors in the text of a response, or of a batch of them. */
function errorsIn(answer: string): ErrorObject[] {
  if (!answer.includes('"error"')) return [];
  const parsed = JSON.parse(answer) as { error?: ErrorObject } | { error?: ErrorObject }[];
  return [parsed].flat().flatMap(({ error }) => (error ? [error] : []));
}

const takeAnnounce: Taker = (hub, { send, refuse }) => ({
  listener(message, settled) {
    const replyTo = message.responseTopic ?? responseTopicOf(clientIdOf(message));
    void hub.dispatcher
      .handle(
        message.payload,
        {
          principal: announcerOf(hub.devices, message),
          transport: 'mqtt',
          ...(message.traceparent !== undefined && { traceparent: message.traceparent }),
        },
        (call) => send(messageOfCall(call)),
      )
      .then(async (answer) => {
        const error = answer && errorsIn(answer).find(({ code }) => malformed.has(code));
        if (error) {
          hub.ledger.refusedMessage('mqtt', String(error.code));
          refuse(refusalOf(message, error));
        }
        if (answer && replyTo)
          await hub.mqtt.publish(replyTo, answer, {
            qos: 1,
            ...(message.correlationData ? { correlationData: message.correlationData } : {}),
          });
      })
      .then(() => settled(), settled);
  },
});

/** Where a client without MQTT 5 properties finds its answer; some client ids cannot be part of a topic. */
function responseTopicOf(clientId: string | undefined): string | undefined {
  return clientId !== undefined && isTopicId(clientId)
    ? formatTopic({ branch: 'discovery-response', clientId })
    : undefined;
}

const takeStatus: Taker = (_hub, { send }) => ({
  listener(message, settled) {
    const deviceId = deviceIdOf(message.parsed) ?? '';
    const status = readStatusMessage(message.payload, message);
    if (status)
      send({
        payload: { ...status, device_id: deviceId },
        device: { device_id: deviceId },
        topic: message.topic,
      });
    settled();
  },
});

const takeCommandResponse: Taker = (_hub, { send }) => ({
  listener(message, settled) {
    const deviceId = deviceIdOf(message.parsed) ?? '';
    send({
      payload: parseStrictJson(message.payload),
      device: { device_id: deviceId },
      topic: message.topic,
      ...(message.traceparent !== undefined && { traceparent: message.traceparent }),
    });
    settled();
  },
});

const takePlain: Taker = (_hub, { send }) => ({
  listener(message, settled) {
    const deviceId = deviceIdOf(message.parsed);
    send({
      payload: jsonOrText(message.payload),
      topic: message.topic,
      ...(deviceId ? { device: { device_id: deviceId } } : {}),
    });
    settled();
  },
});

const takers: Partial<Record<InboundBranch, Taker>> = {
  telemetry: takeTelemetry,
  announce: takeAnnounce,
  status: takeStatus,
  'command-response': takeCommandResponse,
};

function jsonOrText(payload: Uint8Array): unknown {
  try {
    return parseStrictJson(payload);
  } catch {
    return new TextDecoder().decode(payload);
  }
}

/** The message for output 2: where it came from, the first characters of it, and why. */
function refusalOf(message: InboundMessage, error: ErrorObject): HubMessage {
  const deviceId = deviceIdOf(message.parsed) ?? message.principal?.device_id;
  return {
    topic: message.topic,
    payload: {
      topic: message.topic,
      excerpt: new TextDecoder().decode(message.payload.subarray(0, 200)),
    },
    ...(deviceId ? { device: { device_id: deviceId } } : {}),
    error,
  };
}
