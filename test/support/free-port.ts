import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that systems hand out by themselves: none is taken by a connection between here and its use. */
const range = { first: 10_000, end: 32_000 };
const given = new Set<number>();

/** A TCP port on the loopback that nothing listens on right now; each is given once to a process. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = range.first + Math.floor(Math.random() * (range.end - range.first));
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
