// More than the hub can take, from senders that wait for nothing.
import { runApart } from '../../apart.mjs';
import { count } from '../../figures.mjs';
import { totalOf } from '../ledger.mjs';
import { outcomeOf, verdict } from '../outcome.mjs';
import { trial } from '../trial.mjs';

export const about =
  'Devices send QoS 0 messages as fast as their sockets take them. Every one of them has to be in the ledger: stored, ' +
  'or dropped with a cause. Other devices report with QoS 1 meanwhile.';

/** @param {import('../main.mjs').FaultOptions} options */
export async function run({ quick, log, site }) {
  const p99Ms = quick ? 3_000 : 50;
  const done = await trial({
    ...(site && { site }),
    others: [
      { transport: 'mqtt', count: 10, rate: 100, window: 4 },
      { transport: 'http', count: 2, rate: 20, window: 10, batch: 1 },
    ],
    async happen({ site: { hub }, register, keep }) {
      const devices = await register(quick ? 10 : 100);
      const options = { port: hub.mqttPort, devices, runMs: quick ? 1_000 : 30_000 };
      const { journals, ...flood } = await runApart('../torture/loads/qos0-flood', options);
      keep(journals);
      log(`${count(flood.sent)} messages sent`);
      return flood;
    },
  });
  const { sent, lost } = done.happened;
  const { audit, ledger } = done;
  const received = totalOf(ledger.last ?? {}, 'received') - (site ? NaN : 0);
  return outcomeOf(`${count(sent)} QoS 0 messages at once`, done, {
    p99Ms,
    promises: [
      verdict('nobody is disconnected', lost === 0, `${lost} were`),
      verdict(
        'the ledger knows every reading that was sent',
        received === audit.sent || site !== undefined,
        `${count(received)} of ${count(audit.sent)}`,
      ),
    ],
    figures: done.happened,
  });
}
