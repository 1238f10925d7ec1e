import { isObject } from '../../../core/document.ts';
import { parseDocument, Refusal, request, type HttpServer } from './influx-http.ts';
import { readingsMeasurement } from './line-protocol.ts';

/** A database of a server, and the token that says what may be done with it. */
export interface Influx3Place {
  database: string;
  authorization: string;
}

/** What the server calls itself, such as `InfluxDB 3 Core 3.11.2`; undefined if it does not say. @throws Error for another version */
export async function productOf(
  server: HttpServer,
  { authorization }: Influx3Place,
): Promise<string | undefined> {
  const text = await request(server, 'GET', '/ping', { authorization }).catch((error: unknown) => {
    if (error instanceof Refusal && error.statusCode !== 401) return '';
    throw error;
  });
  const document = parseDocument(text);
  if (!isObject(document) || typeof document['version'] !== 'string') return undefined;
  const { version, product_name: product = 'InfluxDB 3' } = document;
  if (!/^v?3\./.test(version))
    throw new Error(`${server.url} is InfluxDB ${version}: choose the store for that version`);
  return `${String(product)} ${version}`;
}

/**
 * Makes the database, without an end to how long it keeps rows, and the table with all its columns, unless they are
 * there: what no row has brought yet cannot be asked for otherwise.
 * @throws RemoteUnavailable, Refusal, or an Error that says what is wrong
 */
export async function ensureTable(server: HttpServer, place: Influx3Place): Promise<void> {
  const { database } = place;
  await make(server, place, '/api/v3/configure/database', { db: database });
  await make(server, place, '/api/v3/configure/table', {
    db: database,
    table: readingsMeasurement,
    tags: ['device_id', 'measurement_type', 'sensor_id', 'generation'],
    fields: [
      { name: 'number', type: 'float64' },
      { name: 'text', type: 'utf8' },
      { name: 'boolean', type: 'bool' },
      { name: 'quality', type: 'utf8' },
      { name: 'unit', type: 'utf8' },
    ],
  });
}

/** What is there already, or may not be made, is for the first question to find out. */
async function make(
  server: HttpServer,
  { authorization }: Influx3Place,
  path: string,
  body: object,
): Promise<void> {
  try {
    await request(server, 'POST', path, { authorization, body });
  } catch (error) {
    if (!(error instanceof Refusal) || ![403, 404, 409].includes(error.statusCode)) throw error;
  }
}
