// The broker library with nothing behind it: what the hub's intake cannot exceed.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Aedes } from 'aedes';

/** @param {object} _options @param {AbortSignal} signal */
export async function run(_options, signal) {
  const broker = await Aedes.createBroker({ concurrency: 0 });
  const server = createServer(broker.handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.send?.({ ready: server.address().port });
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}
