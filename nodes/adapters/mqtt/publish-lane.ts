/** What stands in a PUBLISH with QoS 0 or 1 that is not retained and has no properties. */
export interface PlainPublish {
  /** As it stands in the packet, one character a byte. */
  rawTopic: string;
  /** 0 with QoS 0. */
  packetId: number;
  payload: Buffer;
}

/** What a lane does with a publication: takes it, or leaves it (and all that follows) to the parser. */
export type TakePlain = (publish: PlainPublish) => boolean;

const publish = 0x30;
const retainFlag = 0x01;
/** A larger packet that is not complete yet waits in the parser, which does not copy it with every read. */
const mostKept = 4_096;

/**
 * Takes plain publications, which are nearly all of what devices send, from the bytes of a connection without the
 * general parser: that makes six objects and several calls for each. Answers with the bytes that are left for the
 * parser; an incomplete publication at the end is kept for the next call.
 * @param version 5 for MQTT 5, whose packets have a length of properties after the packet id
 */
export function createPublishLane(
  maxPacketBytes: number,
): (chunk: Buffer, version: number, take: TakePlain) => Buffer | undefined {
  let kept: Buffer | undefined;

  return (chunk, version, take) => {
    const bytes = kept ? Buffer.concat([kept, chunk]) : chunk;
    kept = undefined;
    let at = 0;
    while (at < bytes.length) {
      const head = bytes[at] ?? 0;
      const qos = (head >> 1) & 3;
      if ((head & 0xf0) !== publish || (head & retainFlag) !== 0 || qos > 1) return rest(bytes, at);
      const length = remainingLength(bytes, at + 1);
      if (length === undefined) {
        if (bytes.length - at > 4) return rest(bytes, at);
        kept = copy(bytes, at);
        return undefined;
      }
      const start = length.end;
      const end = start + length.value;
      if (end - at > maxPacketBytes) return rest(bytes, at);
      if (end > bytes.length) {
        if (end - at > mostKept) return rest(bytes, at);
        kept = copy(bytes, at);
        return undefined;
      }
      if (!takeOne(bytes, start, end, qos, version, take)) return rest(bytes, at);
      at = end;
    }
    return undefined;
  };
}

const rest = (bytes: Buffer, at: number): Buffer => (at === 0 ? bytes : bytes.subarray(at));
/** A copy, so that a few bytes do not hold all that was read with them. */
const copy = (bytes: Buffer, at: number): Buffer => Buffer.from(bytes.subarray(at));

/** A variable byte integer (MQTT 3.1.1 section 2.2.3); undefined when it is not complete, or longer than four bytes. */
function remainingLength(bytes: Buffer, at: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let i = 0; i < 4; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return undefined;
    value += (byte & 127) << (7 * i);
    if (byte < 128) return { value, end: at + i + 1 };
  }
  return undefined;
}

function takeOne(
  bytes: Buffer,
  start: number,
  end: number,
  qos: number,
  version: number,
  take: TakePlain,
): boolean {
  if (end - start < 2) return false;
  const topicEnd = start + 2 + bytes.readUInt16BE(start);
  let payloadAt = topicEnd + qos * 2;
  if (version === 5) {
    if (bytes[payloadAt] !== 0) return false;
    payloadAt += 1;
  }
  if (payloadAt > end) return false;
  const packetId = qos === 1 ? bytes.readUInt16BE(topicEnd) : 0;
  // No client may use 0; the parser says so.
  if (qos === 1 && packetId === 0) return false;
  return take({
    rawTopic: bytes.toString('latin1', start + 2, topicEnd),
    packetId,
    payload: bytes.subarray(payloadAt, end),
  });
}
