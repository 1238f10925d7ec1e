import { parseLines } from '../line-protocol-parser.ts';
import {
  startHttpServer,
  type HttpAnswer,
  type HttpHandler,
  type HttpRequest,
} from '../http-exchange.ts';
import { annotatedCsv } from './annotated-csv.ts';
import { createBucket, type Bucket } from './bucket.ts';
import { parsePredicate } from './delete-predicate.ts';
import { runFlux } from './flux-program.ts';
import { FluxError, parseTime } from './values.ts';

export interface Influx2Server {
  readonly url: string;
  /** What every token may do, by token. */
  readonly tokens: Map<string, TokenRights>;
  readonly buckets: Bucket[];
  /** Every request, oldest first. */
  readonly requests: HttpRequest[];
  makeBucket(name: string, retention?: number): Bucket;
  /** Sees each request first; its answer goes out instead of the server's. */
  intercept: ((request: HttpRequest) => HttpAnswer | 'silence' | undefined) | undefined;
  /** How many requests were given up before they had their whole answer. */
  abandoned: () => number;
  close: () => Promise<void>;
}

/** Names of buckets a token may read and write, and whether it may see the organization and make buckets. */
export interface TokenRights {
  buckets: 'all' | readonly string[];
  makesBuckets: boolean;
}

export const organization = 'house';
const orgId = '0f0f0f0f0f0f0f0f';
const precisions = new Map([
  ['ns', 1n],
  ['us', 1_000n],
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
]);

/**
 * A strict stand-in for InfluxDB OSS 2: the endpoints a store needs, with its checks, its answers and its codes, and
 * refusals where the real one is lenient. One organization, `house`, and a token `all` that may do anything.
 */
export async function startInflux2Server(version = 'v2.7.12'): Promise<Influx2Server> {
  const buckets: Bucket[] = [];
  const tokens = new Map<string, TokenRights>([['all', { buckets: 'all', makesBuckets: true }]]);
  const requests: HttpRequest[] = [];

  const makeBucket = (name: string, retention = 0): Bucket => {
    const id = (buckets.length + 1).toString(16).padStart(16, '0');
    const bucket = createBucket({ id, name, orgId, retention }, Date.now);
    buckets.push(bucket);
    return bucket;
  };
  const visible = (name: string, rights: TokenRights): Bucket | undefined =>
    buckets.find(
      (one) => one.name === name && (rights.buckets === 'all' || rights.buckets.includes(name)),
    );

  const routes: Record<string, (request: HttpRequest, rights: TokenRights) => HttpAnswer> = {
    'GET /api/v2/orgs': ({ params }, rights) => {
      const found = params.get('org') === organization && rights.makesBuckets;
      return found
        ? { status: 200, body: { orgs: [{ id: orgId, name: organization }] } }
        : failure(404, 'not found', `organization name "${params.get('org')}" not found`);
    },
    'GET /api/v2/buckets': ({ params }, rights) => {
      const bucket = visible(params.get('name') ?? '', rights);
      return bucket
        ? { status: 200, body: { buckets: [describe(bucket)] } }
        : failure(404, 'not found', `bucket "${params.get('name')}" not found`);
    },
    'POST /api/v2/buckets': ({ body }, rights) => {
      const wanted = JSON.parse(body) as {
        orgID?: string;
        name?: string;
        retentionRules?: unknown;
      };
      if (!rights.makesBuckets)
        return failure(401, 'unauthorized', `write:orgs/${orgId}/buckets is unauthorized`);
      if (wanted.orgID !== orgId || !wanted.name || !Array.isArray(wanted.retentionRules))
        return failure(400, 'invalid', 'bucket needs an orgID, a name and retentionRules');
      if (buckets.some(({ name }) => name === wanted.name))
        return failure(422, 'conflict', `bucket with name ${wanted.name} already exists`);
      return { status: 201, body: describe(makeBucket(wanted.name)) };
    },
    'POST /api/v2/write': (request, rights) => write(request, rights),
    'POST /api/v2/query': (request, rights) => query(request, rights),
    'POST /api/v2/delete': (request, rights) => deletePoints(request, rights),
  };

  const bucketOf = ({ params }: HttpRequest, rights: TokenRights): Bucket | HttpAnswer => {
    if (params.get('org') !== organization)
      return failure(404, 'not found', `organization name "${params.get('org')}" not found`);
    const name = params.get('bucket') ?? '';
    return visible(name, rights) ?? failure(404, 'not found', `bucket "${name}" not found`);
  };
  const write = (request: HttpRequest, rights: TokenRights): HttpAnswer => {
    const { params, body } = request;
    const unit = precisions.get(params.get('precision') ?? 'ns');
    if (!unit)
      return failure(
        400,
        'invalid',
        'invalid precision; valid precision units are ns, us, ms, and s',
      );
    const bucket = bucketOf(request, rights);
    if ('status' in bucket) return bucket;
    const { points, errors } = parseLines(body);
    if (errors.length > 0) {
      const lines = body.split('\n');
      const reasons = errors.map(
        ({ line, reason }) => `unable to parse '${lines[line - 1]}': ${reason}`,
      );
      return failure(400, 'invalid', reasons.join('\n'));
    }
    if (points.some(({ timestamp }) => timestamp === undefined))
      return failure(400, 'invalid', 'this server stamps no points');
    const dropped = bucket.write(points, unit);
    if (!dropped) return { status: 204 };
    return failure(
      422,
      'unprocessable entity',
      `failure writing points to database: partial write: ${dropped.reason} dropped=${dropped.count}`,
    );
  };
  const query = ({ params, headers, body }: HttpRequest, rights: TokenRights): HttpAnswer => {
    if (params.get('org') !== organization)
      return failure(404, 'not found', `organization name "${params.get('org')}" not found`);
    const { query: script, type, dialect } = JSON.parse(body) as Record<string, unknown>;
    if (!headers['content-type']?.startsWith('application/json') || type !== 'flux')
      return failure(400, 'invalid', 'this server reads queries of type flux as JSON only');
    if (JSON.stringify((dialect as Record<string, unknown>)['annotations']) !== annotations)
      return failure(400, 'invalid', 'this server answers with all annotations only');
    try {
      const results = runFlux(String(script), (name) => visible(name, rights));
      return {
        status: 200,
        headers: { 'content-type': 'text/csv; charset=utf-8' },
        body: annotatedCsv(results),
      };
    } catch (error) {
      if (!(error instanceof FluxError)) throw error;
      return failure(error.code === 'invalid' ? 400 : 404, error.code, error.message);
    }
  };
  const deletePoints = (request: HttpRequest, rights: TokenRights): HttpAnswer => {
    const bucket = bucketOf(request, rights);
    if ('status' in bucket) return bucket;
    try {
      const { start, stop, predicate } = JSON.parse(request.body) as Record<string, string>;
      bucket.delete(parseTime(start!), parseTime(stop!), parsePredicate(predicate!));
      return { status: 204 };
    } catch (error) {
      return failure(400, 'invalid', `error decoding json body: ${(error as Error).message}`);
    }
  };

  const handle: HttpHandler = (request) => {
    requests.push(request);
    const intercepted = server.intercept?.(request);
    if (intercepted) return intercepted === 'silence' ? undefined : intercepted;
    if (request.path === '/ping')
      return { status: 204, headers: { 'X-Influxdb-Build': 'OSS', 'X-Influxdb-Version': version } };
    if (request.path === '/health')
      return { status: 200, body: { name: 'influxdb', status: 'pass', checks: [], version } };
    const route = routes[`${request.method} ${request.path}`];
    if (!route) return failure(404, 'not found', 'path not found');
    const rights = tokens.get(/^Token (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '');
    if (!rights) return failure(401, 'unauthorized', 'unauthorized access');
    try {
      return route(request, rights);
    } catch (error) {
      return failure(500, 'internal error', String(error));
    }
  };
  const { port, abandoned, close } = await startHttpServer(handle);
  const server: Influx2Server = {
    url: `http://127.0.0.1:${port}`,
    tokens,
    buckets,
    requests,
    makeBucket,
    intercept: undefined,
    abandoned,
    close,
  };
  return server;
}

const annotations = JSON.stringify(['datatype', 'group', 'default']);

const failure = (status: number, code: string, message: string): HttpAnswer => ({
  status,
  body: { code, message },
});

const describe = ({ id, name, retention }: Bucket): object => ({
  id,
  orgID: orgId,
  name,
  type: 'user',
  retentionRules: [{ type: 'expire', everySeconds: retention }],
});
