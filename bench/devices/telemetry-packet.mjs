// PUBLISH packets of one reading each, in memory that is made once.
import mqttPacket from 'mqtt-packet';
import { createReadings, findReadings, readingAt, telemetryOf } from './telemetry-message.mjs';

/** The payload of a packet. @param {string} deviceId */
const payloadOf = (deviceId) =>
  JSON.stringify(telemetryOf(deviceId, [readingAt()], new Date(0).toISOString()));

/** Bytes of a message of the load, without its topic. */
export const payloadBytes = payloadOf(crypto.randomUUID()).length;

/**
 * A row of packets of one device. With QoS 1 their packet ids are 1, 2, 3 …
 * @param {string} deviceId
 * @param {{ packets: number, qos: 0 | 1, start?: number, stepMs?: number }} options times of the readings as in
 *   `createReadings`
 * @returns {{ bytes: Buffer, length: number, renew(index: number): void }} `length` of one packet; `renew` makes the
 *   next reading of a packet
 */
export function createTelemetryPackets(deviceId, { packets, qos, ...times }) {
  const template = mqttPacket.generate({
    cmd: 'publish',
    topic: `llm-iot/devices/${deviceId}/telemetry`,
    payload: payloadOf(deviceId),
    qos,
    messageId: 1,
    dup: false,
    retain: false,
  });
  const { length } = template;
  const idAt = length - payloadBytes - 2;
  const {
    times: [timeAt],
    values: [valueAt],
  } = findReadings(template);
  const bytes = Buffer.allocUnsafe(packets * length);
  for (let index = 0; index < packets; index++) {
    bytes.set(template, index * length);
    if (qos === 1) bytes.writeUInt16BE(index + 1, index * length + idAt);
  }
  const readings = createReadings(times);
  return {
    bytes,
    length,
    renew: (index) => readings.write(bytes, index * length + timeAt, index * length + valueAt),
  };
}
