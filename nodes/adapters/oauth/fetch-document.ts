import { isObject, type JsonObject } from '../../core/document.ts';
import { parseStrictJson } from '../../core/rpc/json.ts';

export interface FetchLimits {
  /** Milliseconds until all of it must be there. Default 5,000. */
  timeoutMs: number;
  /** Most bytes of a document. Default 256 KiB. */
  maxBytes: number;
}

const defaults: FetchLimits = { timeoutMs: 5_000, maxBytes: 262_144 };

/** Whether this is an address of the machine itself, by its spelling. */
export function isLoopback(url: URL): boolean {
  const { hostname } = url;
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

/** Whether what comes from this address cannot be changed on its way: https, or the machine itself. */
export function isSafeUrl(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const url = new URL(address);
  if (url.username !== '' || url.password !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
}

/**
 * Reads a JSON object from an authorization server. Redirections are not followed.
 * @throws Error that says what is wrong
 */
export async function fetchDocument(
  url: string,
  limits: Partial<FetchLimits> = {},
): Promise<JsonObject> {
  const { timeoutMs, maxBytes } = { ...defaults, ...limits };
  if (!isSafeUrl(url)) throw new Error(`${url}: an address that begins with https is needed`);
  try {
    const response = await fetch(url, {
      redirect: 'error',
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`answered ${response.status}`);
    }
    const document = parseStrictJson(await read(response, maxBytes));
    if (!isObject(document)) throw new Error('answered no JSON object');
    return document;
  } catch (error) {
    throw new Error(`${url}: ${reasonOf(error, timeoutMs)}`, { cause: error });
  }
}

async function read(response: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop gives the rest of the body up.
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > maxBytes) throw new Error(`answered more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `did not answer within ${timeoutMs} ms`;
  return error.cause instanceof Error ? error.cause.message : error.message;
}
