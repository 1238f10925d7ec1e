import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Hub } from './hub.ts';

/** The part of Node-RED's express application that is needed: routes come and go with deploys. */
interface Routes {
  all(path: string, handler: (req: IncomingMessage, res: ServerResponse) => void): unknown;
  router?: RouteStack;
  _router?: RouteStack;
}

interface RouteStack {
  stack: { route?: { path: string; stack: { handle: unknown }[] } }[];
}

/** Serves a hub's endpoints on Node-RED's HTTP server; the answer takes them down again. */
export function mountHub(
  hub: Hub,
  rpcPath: string,
  app: unknown,
  server: Server,
): () => void {
  const routes = app as Routes;
  const handler = (req: IncomingMessage, res: ServerResponse): void => hub.rpcEndpoint(req, res);
  routes.all(rpcPath, handler);

  // An upgrade to another path is somebody else's: the editor's, or that of a websocket node.
  const upgrade = (req: IncomingMessage, socket: Duplex, head: Buffer): void => {
    hub.rpcSocket.handleUpgrade(req, socket, head);
  };
  server.on('upgrade', upgrade);

  return () => {
    server.off('upgrade', upgrade);
    const router = routes._router ?? routes.router;
    if (router)
      router.stack = router.stack.filter(
        ({ route }) => !route?.stack.some(({ handle }) => handle === handler),
      );
  };
}
