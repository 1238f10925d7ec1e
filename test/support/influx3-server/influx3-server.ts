import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { startHttpServer, type HttpAnswer, type HttpRequest } from '../http-exchange.ts';
import { parseLine, type ParsedPoint } from '../line-protocol-parser.ts';
import { startFlightService, type Answer, type Ticket } from './flight-service.ts';
import type { ColumnType } from './sql-plan.ts';
import { createCatalog, type Catalog } from './tables.ts';

/** What a token may do. */
export interface TokenRights {
  /** Makes databases and tables. */
  admin: boolean;
  databases: 'all' | readonly string[];
}

export interface Influx3Server {
  readonly url: string;
  readonly catalog: Catalog;
  readonly tokens: Map<string, TokenRights>;
  /** Every HTTP request and every question, oldest first. */
  readonly requests: HttpRequest[];
  readonly questions: Ticket[];
  /** Most files a query may need. */
  fileLimit: number;
  /** See each request and question first; what they give goes out instead of the server's answer. */
  intercept: ((request: HttpRequest) => HttpAnswer | 'silence' | undefined) | undefined;
  interceptQuestion: ((ticket: Ticket) => Answer | 'silence' | undefined) | undefined;
  /** How many requests and questions were given up before they had their whole answer. */
  abandoned: () => number;
  close: () => Promise<void>;
}

const precisions = new Map([
  ['nanosecond', 1n],
  ['microsecond', 1_000n],
  ['millisecond', 1_000_000n],
  ['second', 1_000_000_000n],
]);
const fieldTypes: readonly ColumnType[] = ['float64', 'utf8', 'bool'];

/**
 * A strict stand-in for InfluxDB 3 Core: HTTP and Flight on one port, with its checks, answers and codes, and refusals
 * where the real one is lenient. The token `all` may do anything.
 * @param port 0: any
 */
export async function startInflux3Server(version = '3.11.2', port = 0): Promise<Influx3Server> {
  const tokens = new Map<string, TokenRights>([['all', { admin: true, databases: 'all' }]]);
  const requests: HttpRequest[] = [];
  const questions: Ticket[] = [];
  const catalog = createCatalog(() => server.fileLimit);

  const rightsOf = (authorization: string | undefined): TokenRights | undefined =>
    tokens.get(/^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? '');
  const mayUse = ({ databases }: TokenRights, name: string): boolean =>
    databases === 'all' || databases.includes(name);

  const routes: Record<string, (request: HttpRequest, rights: TokenRights) => HttpAnswer> = {
    'GET /ping': () => ({
      status: 200,
      headers: { 'x-influxdb-version': version, 'x-influxdb-build': 'Core' },
      body: { product_name: 'InfluxDB 3 Core', version, revision: 'x', process_id: 'x' },
    }),
    'POST /api/v3/configure/database': ({ body }, { admin }) => {
      if (!admin) return { status: 403, body: 'access denied' };
      const { db } = JSON.parse(body) as { db?: string };
      if (typeof db !== 'string' || !/^[A-Za-z0-9][\w/-]*$/.test(db))
        return { status: 400, body: `invalid database name: ${db}` };
      return catalog.makeDatabase(db) ? { status: 200 } : alreadyThere(db);
    },
    'POST /api/v3/configure/table': ({ body }, { admin }) => {
      if (!admin) return { status: 403, body: 'access denied' };
      const { db, table, tags, fields } = JSON.parse(body) as TableRequest;
      if (!catalog.databases().includes(db)) return notFound(db);
      if (catalog.hasTable(db, table)) return alreadyThere(table);
      if (tags.length === 0 || !fields.every(({ type }) => fieldTypes.includes(type)))
        return {
          status: 400,
          body: 'a table has a tag, and fields of float64, utf8 and bool here',
        };
      const columns = new Map<string, ColumnType>(tags.map((tag) => [tag, 'tag']));
      for (const { name, type } of fields) columns.set(name, type);
      catalog.makeTable(db, table, columns);
      return { status: 200 };
    },
    'POST /api/v3/write_lp': (request, rights) => write(request, rights),
  };

  const write = ({ params, body }: HttpRequest, rights: TokenRights): HttpAnswer => {
    const database = params.get('db');
    const unit = precisions.get(params.get('precision') ?? '');
    if (!database || !unit || params.get('no_sync') !== 'false')
      return {
        status: 400,
        body: 'serde error: this server wants db, precision and no_sync=false',
      };
    if (params.get('accept_partial') !== 'true')
      return { status: 400, body: 'this server wants accept_partial=true' };
    if (!mayUse(rights, database)) return { status: 403, body: 'access denied' };
    if (body === '') return { status: 400, body: 'no lines were provided' };
    const lines = body.split('\n');
    const reasons = storeLines(database, lines, unit);
    const refused = [...reasons]
      .sort(([a], [b]) => a - b)
      .map(([index, reason]) => ({
        original_line: lines[index]!.slice(0, 20),
        line_number: index + 1,
        error_message: reason,
      }));
    if (refused.length === 0) return { status: 204 };
    return {
      status: 400,
      body: { error: 'partial write of line protocol occurred', data: refused },
    };
  };
  const storeLines = (database: string, lines: string[], unit: bigint): Map<number, string> => {
    const reasons = new Map<number, string>();
    const points: ParsedPoint[] = [];
    const positions: number[] = [];
    for (const [index, line] of lines.entries())
      try {
        const point = parseLine(line);
        if (point.timestamp === undefined) throw new Error('this server stamps no points');
        positions.push(index);
        points.push(point);
      } catch (error) {
        reasons.set(index, (error as Error).message);
      }
    for (const [index, reason] of catalog.write(database, points, unit))
      reasons.set(positions[index]!, reason);
    return reasons;
  };

  const answerRequest = (request: HttpRequest): HttpAnswer | undefined => {
    requests.push(request);
    const intercepted = server.intercept?.(request);
    if (intercepted) return intercepted === 'silence' ? undefined : intercepted;
    const rights = rightsOf(request.headers.authorization);
    if (!rights) return { status: 401 };
    const route = routes[`${request.method} ${request.path}`];
    return route ? route(request, rights) : { status: 404, body: 'not found' };
  };
  const answerQuestion = (
    ticket: Ticket,
    authorization: string | undefined,
  ): Answer | undefined => {
    questions.push(ticket);
    const intercepted = server.interceptQuestion?.(ticket);
    if (intercepted) return intercepted === 'silence' ? undefined : intercepted;
    const { database, sql_query: sql, query_type: type, params } = ticket;
    const rights = rightsOf(authorization);
    if (!rights) return { code: status.UNAUTHENTICATED, message: 'Unauthenticated' };
    if (!mayUse(rights, database))
      return { code: status.PERMISSION_DENIED, message: 'Permission denied' };
    if (type !== 'sql') return { code: status.INVALID_ARGUMENT, message: 'sql only' };
    if (!catalog.databases().includes(database))
      return { code: status.NOT_FOUND, message: `Database '${database}' not found` };
    return catalog.query(database, sql, params ?? {});
  };

  const http = await startHttpServer(answerRequest);
  const flight = await startFlightService(answerQuestion);
  const front = await startFront(port, http.port, flight.port);
  const server: Influx3Server = {
    url: `http://127.0.0.1:${front.port}`,
    ...{ catalog, tokens, requests, questions },
    fileLimit: 432,
    intercept: undefined,
    interceptQuestion: undefined,
    abandoned: () => http.abandoned() + flight.abandoned(),
    async close() {
      await front.close();
      flight.close();
      await http.close();
      catalog.close();
    },
  };
  return server;
}

interface TableRequest {
  db: string;
  table: string;
  tags: string[];
  fields: { name: string; type: ColumnType }[];
}

const alreadyThere = (name: string): HttpAnswer => ({
  status: 409,
  body: `attempted to create a resource that already exists: ${name}`,
});
const notFound = (name: string): HttpAnswer => ({
  status: 404,
  body: `the requested resource was not found: ${name}`,
});

/** One port for both: HTTP/2 begins with words of its own. */
async function startFront(
  port: number,
  httpPort: number,
  flightPort: number,
): Promise<{ port: number; close: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('data', (first) => {
      const isHttp2 = first.subarray(0, 3).toString() === 'PRI';
      const target = isHttp2 ? flightPort : httpPort;
      const behind = connect({ port: target, host: '127.0.0.1', noDelay: true });
      sockets.add(behind);
      behind.on('error', () => socket.destroy());
      behind.on('close', () => socket.destroy());
      socket.on('close', () => behind.destroy());
      behind.write(first);
      socket.pipe(behind).pipe(socket);
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
