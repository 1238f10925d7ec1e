// PUBLISH packets of one reading each, made by changing bytes of a template.
import mqttPacket from 'mqtt-packet';

const month = 30 * 86_400_000;

/**
 * The readings of one device: each has a time of its own, a second after the one before, beginning a month ago, so
 * that none replaces another in the store.
 * @param {string} deviceId
 * @returns {{ length: number, write(target: Buffer, at: number, packetId: number): void }} `write` puts the next
 *   packet, `length` bytes long, into `target`
 */
export function createTelemetryPackets(deviceId) {
  const start = Date.now() - month;
  const reading = {
    measurement_type: 'temperature',
    value: 20.5,
    unit: 'celsius',
    quality: 'good',
  };
  const timestamp = new Date(start).toISOString();
  const template = mqttPacket.generate({
    cmd: 'publish',
    topic: `llm-iot/devices/${deviceId}/telemetry`,
    payload: JSON.stringify({
      timestamp,
      data: { operational_status: undefined, live_readings: [reading] },
    }),
    qos: 1,
    messageId: 1,
    dup: false,
    retain: false,
  });
  const payloadAt = template.indexOf('{"timestamp"');
  const idAt = payloadAt - 2;
  const timeAt = template.indexOf(timestamp);
  const valueAt = template.indexOf('20.5');
  let sent = 0;
  return {
    length: template.length,
    write(target, at, packetId) {
      target.set(template, at);
      target.writeUInt16BE(packetId, at + idAt);
      target.write(new Date(start + sent * 1000).toISOString(), at + timeAt, 'latin1');
      target.write((20 + (sent % 90) / 10 + 0.1).toFixed(1), at + valueAt, 'latin1');
      sent += 1;
    },
  };
}
