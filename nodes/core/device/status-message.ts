import { isObject, type JsonObject } from '../document.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { parseStrictJson } from '../rpc/json.ts';
import { cleanText } from '../text.ts';
import { deviceStatuses, type DeviceStatus } from './types.ts';

/** What a message on a device's status topic says. */
export interface StatusMessage {
  status: DeviceStatus;
  /** Why it goes offline, in the device's words. */
  reason?: string;
}

const longestText = 16;
const longestJson = 16 * 1_024;

/**
 * Reads the status topic (specification section 5.2): the word `online` or `offline`, an object
 * `{ status?, reason?, ... }` (a heartbeat may carry more), or a JSON-RPC `device.heartbeat`.
 * Undefined if it says nothing about now: a message the broker kept from earlier, or an empty one that clears it.
 * @throws RpcError -32700 or -32004 for anything else
 */
export function readStatusMessage(
  payload: Uint8Array | string,
  message: { retained: boolean; will: boolean },
): StatusMessage | undefined {
  if (message.retained || payload.length === 0) return undefined;
  const word = payload.length <= longestText ? wordOf(payload) : undefined;
  const status = deviceStatuses.find((known) => known === word);
  const read = status ? { status } : fromJson(parseStrictJson(payload, { maxBytes: longestJson }));
  if (message.will && read.status === 'offline')
    return { status: 'offline', reason: read.reason ?? 'its connection broke (last will)' };
  return read;
}

function wordOf(payload: Uint8Array | string): string {
  const text = typeof payload === 'string' ? payload : new TextDecoder().decode(payload);
  return text
    .trim()
    .toLowerCase()
    .replace(/^"(.*)"$/, '$1');
}

function fromJson(value: unknown): StatusMessage {
  if (!isObject(value)) throw unusable('a status is online, offline or an object');
  if (value['jsonrpc'] === undefined) return fromObject(value);
  if (value['method'] !== 'device.heartbeat')
    throw unusable('the only JSON-RPC method on a status topic is device.heartbeat');
  const params = value['params'] ?? {};
  if (!isObject(params)) throw unusable('params of device.heartbeat must be an object');
  return fromObject(params);
}

function fromObject(value: JsonObject): StatusMessage {
  const named = value['status'] ?? 'online';
  const status = deviceStatuses.find((known) => known === named);
  if (!status) throw unusable(`status must be one of ${deviceStatuses.join(', ')}`);
  const reason = cleanText(value['reason'], 200);
  return reason === '' ? { status } : { status, reason };
}

function unusable(reason: string): RpcError {
  return new RpcError(ErrorCode.SchemaValidationFailed, reason, {
    field: 'status',
    allowed: deviceStatuses,
  });
}
