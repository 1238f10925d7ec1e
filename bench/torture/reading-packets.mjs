// PUBLISH packets of one reading, made by changing bytes of a template: a reading can be sent a second time.
import mqttPacket from 'mqtt-packet';
import { timeOf, valueOf } from './journal.mjs';

const duplicate = 0x08;

/**
 * @param {string} deviceId @param {{ start: number }} journal
 * @param {{ version: 4 | 5, qos: 0 | 1 }} options
 * @returns {{ length: number, write(target: Buffer, at: number, n: number, packetId: number, again: boolean): void }}
 *   `write` puts the packet of reading `n`, `length` bytes long, into `target`
 */
export function createReadingPackets(deviceId, journal, { version, qos }) {
  const reading = {
    measurement_type: 'temperature',
    value: 20.5,
    unit: 'celsius',
    quality: 'good',
  };
  const timestamp = new Date(journal.start).toISOString();
  const template = mqttPacket.generate(
    {
      cmd: 'publish',
      topic: `llm-iot/devices/${deviceId}/telemetry`,
      payload: JSON.stringify({ timestamp, data: { live_readings: [reading] } }),
      qos,
      messageId: 1,
      dup: false,
      retain: false,
    },
    { protocolVersion: version },
  );
  const payloadAt = template.indexOf('{"timestamp"');
  // MQTT 5 has the length of the properties, here 0, between the packet's id and its payload.
  const idAt = payloadAt - (version === 5 ? 3 : 2);
  const timeAt = template.indexOf(timestamp);
  const valueAt = template.indexOf('20.5');
  return {
    length: template.length,
    write(target, at, n, packetId, again) {
      target.set(template, at);
      if (qos > 0) target.writeUInt16BE(packetId, at + idAt);
      if (again) target[at] |= duplicate;
      target.write(new Date(timeOf(journal, n)).toISOString(), at + timeAt, 'latin1');
      target.write(valueOf(n).toFixed(1), at + valueAt, 'latin1');
    },
  };
}
