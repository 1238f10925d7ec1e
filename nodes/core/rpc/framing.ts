import { isObject } from '../document.ts';
import { ErrorCode, RpcError, toErrorObject } from './errors.ts';
import type { ErrorObject } from './errors.ts';
import { teach } from './teach.ts';
import type { JsonSchema, Outcome } from './types.ts';

/** What JSON-RPC 2.0 allows as an id. */
export type RequestId = string | number | null;

/** One request object whose frame is in order. */
export interface Request {
  method: string;
  params: Record<string, unknown> | unknown[];
  /** Absent: a notification. */
  id?: RequestId;
}

/**
 * Reads one request object (JSON-RPC 2.0, section 4). Members it does not know are left alone.
 * @throws RpcError -32600 with the member that is wrong
 */
export function readRequest(value: unknown): Request {
  if (!isObject(value)) throw invalid('a request must be an object');
  if (value['jsonrpc'] !== '2.0') {
    const fix = { set: { jsonrpc: '2.0' } };
    throw invalid('jsonrpc must be exactly "2.0"', { field: 'jsonrpc', allowed: ['2.0'], fix });
  }
  const { method, params = {} } = value;
  if (typeof method !== 'string') throw invalid('method must be a string', { field: 'method' });
  if (typeof params !== 'object' || params === null) {
    throw invalid('params must be an object or an array, or left out', { field: 'params' });
  }
  const request = { method, params: params as Request['params'] };
  if (!('id' in value)) return request;
  const { id } = value;
  if (!isId(id)) {
    throw invalid(
      'id must be a string, null, or a number that can be sent back exactly (whole ones up to 2^53)',
      { field: 'id' },
    );
  }
  return { ...request, id };
}

/** The id to answer a request with that is itself invalid: its own if that can be made out, else null. */
export function idOf(value: unknown): RequestId {
  const id = isObject(value) ? value['id'] : null;
  return isId(id) ? id : null;
}

/**
 * Params by name: positional ones take the names of the schema's `properties`, in their order.
 * @throws RpcError -32602 for more positions than names
 */
export function namedParams(
  params: Record<string, unknown> | unknown[],
  schema: JsonSchema,
): Record<string, unknown> {
  if (!Array.isArray(params)) return params;
  const properties = schema['properties'];
  const names = isObject(properties) ? Object.keys(properties) : [];
  if (params.length > names.length) {
    const takes =
      names.length === 0 ? 'no positional params' : `at most ${names.length} positional params`;
    throw new RpcError(ErrorCode.InvalidParams, `this method takes ${takes}`, {
      field: 'params',
      allowed: names,
      suggestions: ['Give the params as an object, by the names in data.allowed.'],
    });
  }
  return Object.fromEntries(params.map((value: unknown, i) => [names[i] ?? '', value]));
}

/** How a call ended, as the text of its response object without the braces and the id. */
export type Answer = { text: string; error?: ErrorObject };

/** A result that cannot be written as JSON becomes -32603. */
export function answerOf(outcome: Outcome): Answer {
  if ('error' in outcome) return errorAnswer(errorObjectOf(outcome.error));
  try {
    const text = outcome.result === undefined ? 'null' : JSON.stringify(outcome.result);
    if (typeof text === 'string') return { text: `"result":${text}` };
  } catch {
    // A cycle, a BigInt or a toJSON that throws: answered below.
  }
  return errorAnswer(
    new RpcError(ErrorCode.InternalError, 'the result cannot be written as JSON').toObject(),
  );
}

/** The text of a whole response object. */
export function responseText(answer: Answer, id: RequestId): string {
  return `{"jsonrpc":"2.0",${answer.text},"id":${JSON.stringify(id)}}`;
}

/**
 * The error member for anything that was thrown or given as an error: an RpcError, an error object
 * `{ code, message, data }` as flows make them, or -32603. What every error of the hub tells is added to the `data` of a
 * flow's, unless that is no object.
 */
export function errorObjectOf(error: unknown): ErrorObject {
  if (error instanceof RpcError || !isObject(error)) return toErrorObject(error);
  const { code, message, data } = error;
  if (!Number.isInteger(code) || typeof message !== 'string') return toErrorObject(error);
  if (data !== undefined && !isObject(data)) return { code: code as number, message, data };
  const { reason = message, ...details } = data ?? {};
  return {
    code: code as number,
    message,
    data: teach(code as number, typeof reason === 'string' ? reason : message, details),
  };
}

function errorAnswer(error: ErrorObject): Answer {
  try {
    return { text: `"error":${JSON.stringify(error)}`, error };
  } catch {
    const plain = { code: error.code, message: error.message };
    return { text: `"error":${JSON.stringify(plain)}`, error: plain };
  }
}

function invalid(reason: string, details: Record<string, unknown> = {}): RpcError {
  return new RpcError(ErrorCode.InvalidRequest, reason, details);
}

function isId(id: unknown): id is RequestId {
  if (id === null || typeof id === 'string') return true;
  return typeof id === 'number' && (!Number.isInteger(id) || Number.isSafeInteger(id));
}
