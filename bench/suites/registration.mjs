// Many new devices in the same moment.
import { runApart } from '../apart.mjs';
import { count, timesToMax } from '../figures.mjs';
import { withHub } from '../hub.mjs';

export const about =
  'All devices register at the same moment, over MQTT on connections that are open already, and over HTTP ' +
  'with the opening of a connection each. Times are those of the last device too: from the common start to its key.';

/** @param {import('../main.mjs').SuiteOptions} options */
export async function run({ quick, log }) {
  const devices = quick ? 50 : 1_000;
  const rounds = quick ? 1 : 3;
  const results = [];
  for (let round = 1; round <= rounds; round++) {
    log(`round ${round}`);
    const { mqtt, http } = await withHub(async (hub) => {
      const { mqttPort: port, registrationKey, url } = hub;
      return {
        mqtt: await runApart('register-mqtt', { port, registrationKey, count: devices }),
        http: await runApart('register-http', {
          url,
          registrationKey,
          count: devices,
          atOnce: devices,
        }),
      };
    });
    results.push(row('MQTT', devices, round, mqtt), row('HTTP', devices, round, http));
  }
  return { name: `Registration, ${count(devices)} devices at once`, results };
}

/** @param {string} way @param {number} devices @param {number} round @param {any} outcome */
const row = (way, devices, round, { times, seconds }) => ({
  measure: `over ${way}, round ${round}`,
  value: `${timesToMax(times)} (${count(devices / seconds)} a second)`,
  figures: { ...times, seconds },
  target: 'p99 < 500 ms',
});
