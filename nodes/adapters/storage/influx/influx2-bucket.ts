import { isObject } from '../../../core/document.ts';
import { parseDocument, Refusal, request, type HttpServer } from './influx-http.ts';

/** A bucket of an organization, and the token that says what may be done with it. */
export interface Influx2Place {
  organization: string;
  bucket: string;
  authorization: string;
}

const mayNot = [401, 403, 404];

/**
 * Makes the bucket, without an end to how long it keeps points, unless it is there.
 * @throws RemoteUnavailable, or an Error that says what is wrong
 */
export async function ensureBucket(server: HttpServer, place: Influx2Place): Promise<void> {
  const { organization, bucket } = place;
  if (await hasBucket(server, place)) return;
  const missing = new Error(
    `${server.name()} has no such bucket in the organization ${JSON.stringify(organization)}, or the token may not ` +
      'see it, and the token may not make it: make it, or give a token that may read and write it',
  );
  const orgID = await organizationId(server, place);
  if (orgID === undefined) throw missing;
  try {
    await ask(server, place, 'POST', '/api/v2/buckets', {
      orgID,
      name: bucket,
      retentionRules: [],
    });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (mayNot.includes(error.statusCode)) throw missing;
    // Somebody else may have made it in the meantime.
    if (!(await hasBucket(server, place))) throw error;
  }
}

/** Whether the token sees the bucket. */
async function hasBucket(server: HttpServer, place: Influx2Place): Promise<boolean> {
  const { organization, bucket } = place;
  const query = new URLSearchParams({ org: organization, name: bucket });
  try {
    const { buckets } = await ask(server, place, 'GET', `/api/v2/buckets?${query}`);
    return Array.isArray(buckets) && buckets.length > 0;
  } catch (error) {
    if (error instanceof Refusal && error.statusCode === 404) return false;
    throw error;
  }
}

async function organizationId(
  server: HttpServer,
  place: Influx2Place,
): Promise<string | undefined> {
  try {
    const query = new URLSearchParams({ org: place.organization });
    const { orgs } = await ask(server, place, 'GET', `/api/v2/orgs?${query}`);
    const [first] = Array.isArray(orgs) ? (orgs as unknown[]) : [];
    return isObject(first) && typeof first['id'] === 'string' ? first['id'] : undefined;
  } catch (error) {
    if (error instanceof Refusal && mayNot.includes(error.statusCode)) return undefined;
    throw error;
  }
}

async function ask(
  server: HttpServer,
  { authorization }: Influx2Place,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<Record<string, unknown>> {
  const text = await request(server, method, path, { authorization, ...(body && { body }) });
  const document = parseDocument(text);
  return isObject(document) ? document : {};
}
