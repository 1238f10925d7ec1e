// Gateways that report over HTTP, many readings at a time.
import { runApart } from '../apart.mjs';
import { against, count, megabytes, timesToMax } from '../figures.mjs';
import { httpPortOf } from '../hub.mjs';
import { costRows, intoHub, progressOf, spread, timingOf } from './shared/ingest.mjs';
import { assertSame } from '../ledger.mjs';

const readings = 100;

export const about =
  `\`telemetry.update\` over HTTP, ${readings} readings a request, one request in flight on each connection; it is ` +
  'answered when its readings are committed. The hub is killed (SIGKILL) after the last answer and the readings are ' +
  'counted in its file.';

/** @param {import('../main.mjs').ScenarioOptions} options */
export async function run({ quick, log }) {
  const connections = quick ? 8 : 64;
  const timing = timingOf(quick);
  const hub = await intoHub({
    devices: connections,
    transport: 'http',
    load: (running, devices) =>
      runApart(
        'flood-http',
        { port: httpPortOf(running), devices, readings, timing },
        progressOf(log, timing),
      ),
  });
  assertSame('answered readings in the file', hub.sent, hub.stored);
  return {
    name: `Telemetry over HTTP, ${count(connections)} connections, batches of ${readings}`,
    results: [
      {
        measure: 'stored readings a second',
        value: count(hub.rate),
        ...against(hub.rate, '>=', 100_000),
      },
      { measure: 'slowest and fastest second', value: spread(hub.perSecond) },
      { measure: 'time to the answer of a request', value: timesToMax(hub.times) },
      { measure: 'sent = accepted = found in the file', value: count(hub.stored) },
      ...costRows('reading', hub),
      { measure: 'most resident memory of the hub', value: megabytes(hub.peakRss) },
    ],
    figures: { target: 100_000, hub },
  };
}
