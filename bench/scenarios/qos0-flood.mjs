// Messages that nobody acknowledges, faster than any hub can take them.
import { startApart } from '../apart.mjs';
import { against, count, megabytes } from '../figures.mjs';
import { costRows, intoHub, progressOf, timingOf } from './shared/ingest.mjs';
import { describeLost, watchStored } from '../ledger.mjs';

export const about =
  'Telemetry over MQTT with QoS 0, as much as the sockets take: the hub reads no faster than it stores, so that ' +
  'messages wait in the sockets and not in its memory. The rate is that of the ledger.';

/** @param {import('../main.mjs').ScenarioOptions} options */
export async function run({ quick, log }) {
  const connections = quick ? 10 : 100;
  const timing = timingOf(quick);
  /** @type {ReturnType<typeof startApart>} */
  let load;
  const hub = await intoHub({
    devices: connections,
    transport: 'mqtt',
    load: async (running, devices) => {
      const { mqttPort: port } = running;
      const watch = watchStored(running, 'mqtt');
      load = startApart('flood-qos0', { port, devices, timing }, progressOf(log, timing));
      const sent = await load.ready;
      return { ...sent, samples: await watch.stop() };
    },
    settled: () => load.stop(),
  });
  const storedRate = rateOf(hub.samples, timing);
  return {
    name: `QoS 0 flood, ${count(connections)} connections`,
    results: [
      {
        measure: 'stored messages a second',
        value: count(storedRate),
        ...against(storedRate, '>=', 60_000),
      },
      {
        measure: 'most resident memory of the hub',
        value: megabytes(hub.peakRss),
        ...against(hub.peakRss, '<', 600e6, megabytes),
      },
      { measure: 'sent = received by the ledger', value: count(hub.account.received) },
      { measure: 'stored by the ledger = found in the file', value: count(hub.stored) },
      { measure: 'lost, by the ledger', value: describeLost(hub.account) },
      ...costRows('message', hub),
    ],
    figures: { target: 60_000, storedRate, hub },
  };
}

/**
 * Stored readings a second, without the warming up.
 * @param {{ ms: number, stored: number }[]} samples @param {import('../meter.mjs').Timing} timing
 */
function rateOf(samples, { warmUpMs, runMs }) {
  const counted = samples.filter(({ ms }) => ms >= warmUpMs && ms <= warmUpMs + runMs);
  const [first, last] = [counted[0], counted[counted.length - 1]];
  return first && last ? ((last.stored - first.stored) * 1000) / (last.ms - first.ms) : NaN;
}
