// Many new devices in the same moment.
import { runApart } from '../apart.mjs';
import { count, timesToMax, withinP99 } from '../figures.mjs';
import { withHub } from '../hub.mjs';

export const about =
  'All devices register at the same moment, on connections that are open already; times are from the call to the ' +
  'key. The first round meets a hub that has just started and has not compiled its code yet; the others one ' +
  'that has registered devices before.';

/** @param {import('../main.mjs').ScenarioOptions} options */
export async function run({ quick }) {
  const devices = quick ? 50 : 1_000;
  const rounds = quick ? 2 : 4;
  /** @type {{ mqtt: any, http: any }[]} */
  const outcomes = [];
  await withHub(async ({ mqttPort: port, url, registrationKey }) => {
    const common = { registrationKey, count: devices };
    while (outcomes.length < rounds)
      outcomes.push({
        mqtt: await runApart('register-mqtt', { port, ...common }),
        http: await runApart('register-http', { url, atOnce: devices, ...common }),
      });
  });
  return {
    name: `Registration, ${count(devices)} devices at once`,
    columns: ['over MQTT', 'over HTTP'],
    results: outcomes.map(({ mqtt, http }, round) => ({
      measure: `round ${round + 1}${round === 0 ? ', fresh hub' : ''}`,
      value: [mqtt, http].map(({ times }) => timesToMax(times)),
      figures: { mqtt: figuresOf(mqtt), http: figuresOf(http) },
      ...withinP99(mqtt.times.p99 > http.times.p99 ? mqtt.times : http.times, 500),
    })),
  };
}

/** @param {any} outcome */
const figuresOf = ({ times, seconds }) => ({ ...times, seconds });
