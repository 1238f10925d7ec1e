// Telemetry as devices send it, made by changing a few bytes of a template: the time and the value.

/**
 * What a device reports about itself and measures: params of `telemetry.update`, section 4.1 of the specification.
 * @param {string} deviceId @param {object[]} readings @param {string} [timestamp]
 */
export const telemetryOf = (deviceId, readings, timestamp) => ({
  device_id: deviceId,
  timestamp,
  data: { operational_status: { power_state: 'on' }, live_readings: readings },
});

/** A reading whose value is as many characters as all values here. @param {string} [timestamp] */
export const readingAt = (timestamp) => ({
  measurement_type: 'temperature',
  value: 20.5,
  unit: 'celsius',
  quality: 'good',
  timestamp,
});

const day = 86_400_000;
const zero = 48;
const value = Buffer.from('20.5');
const timePattern = Buffer.from('"timestamp":"');

/** Where in a message the times and values are. @param {Buffer} message */
export const findReadings = (message) => ({
  times: offsetsOf(message, timePattern).map((at) => at + timePattern.length),
  values: offsetsOf(message, Buffer.from('"value":20.5')).map((at) => at + 8),
});

/** @param {Buffer} message @param {Buffer} pattern */
function offsetsOf(message, pattern) {
  const offsets = [];
  for (let at = message.indexOf(pattern); at >= 0; at = message.indexOf(pattern, at + 1))
    offsets.push(at);
  return offsets;
}

/**
 * The readings of one device one after the other, each with a time of its own, so that none replaces another in the
 * store.
 * @param {{ start?: number, stepMs?: number }} [options] time of the first reading (default: 30 days ago) and from
 *   one to the next (default: a second)
 * @returns {{ write(target: Buffer, timeAt: number, valueAt: number): void }} `write` puts the next reading in place
 */
export function createReadings({ start = Date.now() - 30 * day, stepMs = 1000 } = {}) {
  const time = Buffer.from(new Date(start).toISOString(), 'latin1');
  let today = start - (start % day);
  let inDay = start % day;
  let tenths = 200;

  const two = (/** @type {number} */ at, /** @type {number} */ number) => {
    time[at] = zero + ((number / 10) | 0);
    time[at + 1] = zero + (number % 10);
  };
  const showTime = () => {
    two(11, (inDay / 3_600_000) | 0);
    two(14, ((inDay / 60_000) | 0) % 60);
    two(17, ((inDay / 1000) | 0) % 60);
    const ms = inDay % 1000;
    time[20] = zero + ((ms / 100) | 0);
    two(21, ms % 100);
  };

  return {
    write(target, timeAt, valueAt) {
      for (let i = 0; i < 24; i++) target[timeAt + i] = time[i];
      tenths = tenths === 289 ? 200 : tenths + 1;
      target[valueAt + 1] = zero + (((tenths / 10) | 0) % 10);
      target[valueAt + value.length - 1] = zero + (tenths % 10);
      inDay += stepMs;
      if (inDay >= day) {
        today += day;
        inDay -= day;
        time.write(new Date(today).toISOString(), 'latin1');
      }
      showTime();
    },
  };
}
