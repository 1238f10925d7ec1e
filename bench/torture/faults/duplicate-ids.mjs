// Storms of clients that use one client id.
import { runApart } from '../../apart.mjs';
import { count } from '../../figures.mjs';
import { openDevice, openMqtt } from '../mqtt-raw.mjs';
import { outcomeOf, verdict } from '../outcome.mjs';
import { trial } from '../trial.mjs';

export const about =
  'Clients with the key of one device all connect with its client id, report, are pushed out by the next one and ' +
  'connect again at once; with sessions that end and with sessions that are kept. A stranger tries the client id too.';

/** @typedef {import('../mqtt-raw.mjs').Device} Device */

/** @param {import('../main.mjs').FaultOptions} options */
export async function run({ quick, log, site }) {
  const p99Ms = quick ? 1_000 : 50;
  const done = await trial({
    ...(site && { site }),
    others: [
      { transport: 'mqtt', count: 10, rate: 200, window: 4 },
      { transport: 'http', count: 2, rate: 20, window: 10, batch: 1 },
    ],
    async happen({ site: { hub }, register, keep }) {
      const storms = [];
      for (const keepSession of [false, true]) {
        const [device] = await register(1);
        const { mqttPort: port } = hub;
        const clients = quick ? 20 : 100;
        const options = { port, device, clients, keepSession, runMs: quick ? 1_000 : 15_000 };
        const { journals, ...storm } = await runApart('../torture/loads/same-id', options);
        keep(journals);
        const [stranger] = await register(1);
        storms.push({ ...storm, keepSession, ...(await whoGets(port, device, stranger)) });
        log(`${storm.connections} connections`);
      }
      return storms;
    },
  });
  const storms = done.happened;
  const connections = storms.reduce((sum, storm) => sum + storm.connections, 0);
  return outcomeOf(`${count(connections)} connections with two client ids`, done, {
    p99Ms,
    promises: [
      verdict(
        'the device itself is served when the storm is over',
        storms.every(({ rightful }) => rightful),
        `${storms.filter(({ rightful }) => rightful).length} of ${storms.length} times`,
      ),
      verdict(
        'nobody else gets its client id',
        storms.every(({ taken }) => !taken),
        `${storms.filter(({ taken }) => taken).length} times somebody did`,
      ),
    ],
    figures: { storms },
  });
}

/**
 * Whether the device is served, and whether a stranger gets its client id while it is connected.
 * @param {number} port @param {Device} device @param {Device} stranger
 */
async function whoGets(port, device, stranger) {
  const own = await openDevice(port, device);
  const theirs = await openMqtt(port, {
    clientId: device.id,
    username: stranger.id,
    password: stranger.key,
  }).catch(() => undefined);
  const outcome = { rightful: !own.destroyed, taken: theirs !== undefined };
  own.destroy();
  theirs?.destroy();
  return outcome;
}
