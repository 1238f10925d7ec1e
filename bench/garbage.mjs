// Has a process collect its garbage, by the inspector of Node, so that what it holds can be told from what it left.
import { once } from 'node:events';
import { WebSocket } from 'ws';

/** What makes a process open its inspector, on a free port of the loopback. */
export const inspectorOptions = '--inspect=127.0.0.1:0';

/** @param {{ output(): string }} started with `inspectorOptions`; it has printed where the inspector is */
export async function collectGarbage({ output }) {
  const url = /Debugger listening on (ws:\S+)/.exec(output())?.[1];
  if (url === undefined) throw new Error('the process has no inspector');
  const socket = new WebSocket(url);
  await once(socket, 'open');
  // Twice, because what the first finds unreachable may hold more.
  for (const id of [1, 2]) {
    socket.send(JSON.stringify({ id, method: 'HeapProfiler.collectGarbage' }));
    await once(socket, 'message');
  }
  socket.terminate();
}
