// What clients with a valid key notice of somebody who tries keys.
import { runApart, startApart } from '../apart.mjs';
import { against, count, none, share, timesToMax } from '../figures.mjs';
import { httpPortOf, registerDevices, withHub } from '../hub.mjs';
import { createRpcClient } from '../rpc-client.mjs';

export const about =
  'Clients on 127.0.0.1 call `device.get` over HTTP, first alone, then while somebody on 127.0.0.2 to 127.0.0.11 tries ' +
  '1,000 keys a second, half of them over HTTP and half over MQTT, each on a connection of its own. Who guesses and who ' +
  'calls run on the same two cores as the hub.';

const mostRatio = 2;

/** @param {import('../main.mjs').ScenarioOptions} options */
export async function run({ quick, log }) {
  const rate = quick ? 200 : 1_000;
  const sizes = { clients: 8, everyMs: 20, ...(quick ? short : long) };
  return withHub(async (hub) => {
    const { url, adminKey, mqttPort } = hub;
    const devices = await registerDevices(hub, 20);
    const options = { url, adminKey, deviceIds: devices.map(({ id }) => id), ...sizes };
    log('clients alone');
    const alone = await runApart('calling', options);
    log('clients and guesses');
    const addresses = Array.from({ length: 10 }, (_, i) => `127.0.0.${i + 2}`);
    const attack = startApart('guessing', { httpPort: httpPortOf(hub), mqttPort, rate, addresses });
    await attack.ready;
    const attacked = await runApart('calling', options);
    const guesses = await attack.stop();
    const client = createRpcClient(url, adminKey);
    const { limits } = await client.call('hub.info');
    client.close();
    const ratio = attacked.p99 / alone.p99;
    return {
      name: 'Calls while somebody tries keys',
      results: [
        { measure: 'calls, nobody guesses', value: timesToMax(alone), figures: alone },
        { measure: 'calls, under attack', value: timesToMax(attacked), figures: attacked },
        {
          measure: 'p99 under attack, times that without',
          value: ratio.toFixed(2),
          ...against(ratio, '<', mostRatio),
          figures: { ratio },
        },
        {
          measure: 'guesses a second, answered',
          value: `${count(guesses.rate)}, ${share(guesses.answered, guesses.made)}`,
          figures: guesses,
        },
        { measure: 'guesses that were let in', ...none(guesses.admitted) },
        {
          measure: 'addresses banned, tries refused or cut unlooked at',
          value: `${limits.banned_addresses}, ${count(limits.refused.banned + (limits.refused.slowed ?? 0))}`,
          figures: limits,
        },
      ],
    };
  });
}

const short = { warmUpMs: 500, runMs: 1_500 };
const long = { warmUpMs: 3_000, runMs: 30_000 };
