import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { withHeaders, type RequestHandler } from '../adapters/http/front-guard.ts';
import { watchSlowClients, type SlowClients } from '../adapters/http/slow-clients.ts';
import type { Hub } from './hub.ts';
import type { HubSettings } from './settings.ts';

/** What is served before Node-RED sees a request. */
interface FrontDoor {
  routes: Map<string, RequestHandler>;
  slowClients: SlowClients;
}

const frontDoors = new WeakMap<Server, FrontDoor>();

/**
 * Node-RED's admin application parses JSON bodies of every path below its root, which is `/` unless told otherwise.
 * A hub has to read bodies itself (strict parsing, its own limits and errors), so it answers at the HTTP server,
 * before Node-RED's applications. One listener per server, for good; paths come and go with deploys.
 */
function frontDoorOf(server: Server): FrontDoor {
  const known = frontDoors.get(server);
  if (known) return known;
  const routes = new Map<string, RequestHandler>();
  const slowClients = watchSlowClients(server);
  const behind = server.listeners('request') as RequestHandler[];
  server.removeAllListeners('request');
  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    slowClients.spoke(req.socket);
    const path = (req.url ?? '').split('?')[0] ?? '';
    // A path that ends in a slash stands for all that are one part longer.
    const route = routes.get(path) ?? routes.get(path.slice(0, path.lastIndexOf('/') + 1));
    if (route) route(req, res);
    else for (const listener of behind) listener.call(server, req, res);
  });
  server.on('upgrade', (req: IncomingMessage) => slowClients.spoke(req.socket));
  const frontDoor = { routes, slowClients };
  frontDoors.set(server, frontDoor);
  return frontDoor;
}

/**
 * Serves a hub's endpoints on Node-RED's HTTP server; the answer takes them down again.
 * @param usesHubFiles whether the server was made with the certificate files of the hub
 * @throws Error when another hub has the path
 */
export function mountHub(
  hub: Hub,
  { rpcPath, metricsPath, mcpPath = '' }: Pick<HubSettings, 'rpcPath' | 'metricsPath' | 'mcpPath'>,
  server: Server,
  usesHubFiles = false,
): () => void {
  const { routes, slowClients } = frontDoorOf(server);
  const { guardRoute, onOpen } = hub.frontLimits;
  const own = new Map<string, RequestHandler>([
    [rpcPath, guardRoute((req, res) => hub.rpcEndpoint(req, res))],
    [metricsPath, guardRoute((req, res) => hub.metricsEndpoint(req, res))],
  ]);
  for (const path of own.keys())
    if (routes.has(path)) throw new Error(`another hub serves ${path}: give this one another path`);
  // Flows from before there was MCP may have several hubs, and no path of it for the second.
  if (mcpPath !== '' && !routes.has(mcpPath))
    own.set(
      mcpPath,
      guardRoute((req, res) => hub.mcp.endpoint(req, res)),
    );
  // What names the hub as a whole is told by the first of several.
  for (const [path, handler] of hub.description.endpoints)
    if (!routes.has(path)) own.set(path, guardRoute(handler));
  for (const [path, handler] of hub.documents) if (!routes.has(path)) own.set(path, handler);
  const detach = hub.tls.attach(server, usesHubFiles);
  const admitted =
    (handler: RequestHandler): RequestHandler =>
    (req, res) => {
      if (hub.tls.admits(req.socket)) handler(req, res);
      else req.socket.destroy();
    };
  for (const [path, handler] of own) routes.set(path, withHeaders(admitted(handler)));
  slowClients.onOpen = onOpen;

  // An upgrade to another path is somebody else's: the editor's, or that of a websocket node.
  const upgrade = (req: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (hub.tls.admits(socket)) hub.rpcSocket.handleUpgrade(req, socket, head);
    else socket.destroy();
  };
  server.on('upgrade', upgrade);

  return () => {
    server.off('upgrade', upgrade);
    detach();
    for (const path of own.keys()) routes.delete(path);
  };
}

/** Whether `flows/settings.js` made Node-RED's server with the certificate files of the hub. */
export function servesHubFiles(settings: object): boolean {
  const { https } = settings as { https?: { usesHubFiles?: boolean } };
  return https?.usesHubFiles === true;
}
