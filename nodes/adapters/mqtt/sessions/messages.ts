import type { MessageColumns } from '../../storage/mqtt-sessions/session-rows.ts';

/** MQTT 5 properties of a message, as the MQTT parser names them. */
export interface MessageProperties {
  correlationData?: Buffer;
  messageExpiryInterval?: number;
  willDelayInterval?: number;
  subscriptionIdentifier?: number | number[];
  [name: string]: unknown;
}

/** A message as the broker hands it over and takes it back. */
export interface Message {
  cmd: 'publish';
  topic: string;
  payload: Buffer | string;
  qos: number;
  retain: boolean;
  dup: boolean;
  properties?: MessageProperties;
  /** Milliseconds since the epoch. */
  messageExpiry?: number;
  /** Who published it; the hub itself has none. */
  clientId?: string;
  brokerId?: string;
  brokerCounter?: number;
  messageId?: number | undefined;
}

/** What a message costs beside its texts and bytes: objects in memory, an index on disk. */
const overheadBytes = 256;

export function bytesOf({ topic, payload, properties }: Message): number {
  const extra = properties === undefined ? 0 : encodeProperties(properties).length;
  return overheadBytes + topic.length + payload.length + extra;
}

/** A payload of its own: the one that came in is a part of all that was read from the socket with it. */
export const ownPayload = (payload: Buffer | string): Buffer | string => {
  if (typeof payload === 'string') return payload;
  const own = Buffer.allocUnsafeSlow(payload.length);
  payload.copy(own);
  return own;
};

export function isExpired({ messageExpiry }: Pick<Message, 'messageExpiry'>, now: number): boolean {
  return messageExpiry !== undefined && messageExpiry <= now;
}

export function toColumns(message: Message): MessageColumns {
  const { topic, payload, qos, retain, properties, messageExpiry } = message;
  return {
    topic,
    payload: typeof payload === 'string' ? Buffer.from(payload) : payload,
    qos,
    retain: Number(retain),
    properties: properties === undefined ? null : encodeProperties(properties),
    expires_at: messageExpiry ?? null,
  };
}

/** @throws Error when the properties are damaged */
export function fromColumns(row: MessageColumns): Message {
  const { topic, payload, qos, retain, properties, expires_at } = row;
  return {
    cmd: 'publish',
    topic,
    payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
    qos,
    retain: retain === 1,
    dup: false,
    ...(properties !== null && { properties: decodeProperties(properties) }),
    ...(expires_at !== null && { messageExpiry: expires_at }),
  };
}

function encodeProperties(properties: MessageProperties): string {
  const { correlationData, ...others } = properties;
  return JSON.stringify({
    ...others,
    ...(correlationData && { correlationData: correlationData.toString('base64') }),
  });
}

function decodeProperties(text: string): MessageProperties {
  const { correlationData, ...others } = JSON.parse(text) as { correlationData?: string };
  return {
    ...others,
    ...(correlationData !== undefined && {
      correlationData: Buffer.from(correlationData, 'base64'),
    }),
  };
}
