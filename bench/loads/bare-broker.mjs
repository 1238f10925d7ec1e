// The broker library with an empty consumer: what the hub's intake cannot exceed.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Aedes } from 'aedes';
import { stopped, tellReady } from '../load.mjs';

/** @param {object} _options @param {AbortSignal} signal */
export async function run(_options, signal) {
  const broker = await Aedes.createBroker({ concurrency: 0 });
  broker.subscribe(
    '#',
    (_packet, done) => done(),
    () => undefined,
  );
  const server = createServer(broker.handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  tellReady(/** @type {import('node:net').AddressInfo} */ (server.address()).port);
  await stopped(signal);
}
