// Messages that nobody acknowledges, faster than any hub can take them.
import { startApart } from '../apart.mjs';
import { against, count, megabytes } from '../figures.mjs';
import { costRows, intoHub, progressOf, spread, timingOf } from './shared/ingest.mjs';
import { describeLost } from '../ledger.mjs';

export const about =
  'Telemetry over MQTT with QoS 0, as much as the sockets take. Sent are the messages that left the generator; the ' +
  'hub reads no faster than it stores, so that they wait in the sockets and not in its memory.';

/** @param {import('../main.mjs').ScenarioOptions} options */
export async function run({ quick, log }) {
  const connections = quick ? 10 : 100;
  const timing = timingOf(quick);
  /** @type {ReturnType<typeof startApart>} */
  let load;
  const hub = await intoHub({
    devices: connections,
    transport: 'mqtt',
    load: ({ mqttPort: port }, devices) => {
      load = startApart('flood-qos0', { port, devices, timing }, progressOf(log, timing));
      return load.ready;
    },
    settled: () => load.stop(),
  });
  const storedRate = hub.rate * (hub.stored / hub.sent);
  return {
    name: `QoS 0 flood, ${count(connections)} connections`,
    results: [
      {
        measure: 'stored messages a second',
        value: count(storedRate),
        ...against(storedRate, '>=', 60_000),
      },
      { measure: 'slowest and fastest second (sent)', value: spread(hub.perSecond) },
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
