import { cleanDocument, isObject, type JsonObject } from '../document.ts';
import { ErrorCode, isErrorCode, RpcError } from '../rpc/errors.ts';
import { quoted } from '../rpc/quoted.ts';
import { cleanText } from '../text.ts';
import type { ExecuteResult } from './types.ts';

/** A device's JSON-RPC response. */
export interface DeviceAnswer {
  id: string;
  outcome: { result: unknown } | { error: unknown };
}

const longestText = 64 * 1_024;
/** The whole is in `device_error`. */
const longestReason = 300;

/** Codes a device may use in the protocol's own sense; any other error of a device is its hardware's. */
const passedOn: readonly ErrorCode[] = [
  ErrorCode.InvalidParams,
  ErrorCode.DeviceBusy,
  ErrorCode.SchemaValidationFailed,
  ErrorCode.ResourceExhausted,
  ErrorCode.HardwareError,
];

/** Reads a parsed response, its texts cleaned; undefined if it is none. */
export function readAnswer(message: unknown): DeviceAnswer | undefined {
  if (!isObject(message) || typeof message['id'] !== 'string') return undefined;
  const { id } = message;
  try {
    if (message['error'] !== undefined && message['error'] !== null)
      return { id, outcome: { error: cleanDocument(message['error'], longestText) } };
    if (message['result'] === undefined) return undefined;
    return { id, outcome: { result: cleanDocument(message['result'], longestText) } };
  } catch {
    return undefined;
  }
}

/** The error a caller gets for the `error` member of a device's response. */
export function errorOfDevice(error: unknown): RpcError {
  const { code, message, data } = isObject(error) ? error : {};
  const said = isObject(data) ? cleanText(data['reason'], 500) : '';
  const told = said || cleanText(message, 500);
  const reason = told ? quoted(told, longestReason) : 'with an error and no reason';
  const known = isErrorCode(code) && passedOn.includes(code) ? code : ErrorCode.HardwareError;
  return new RpcError(known, `the device answered${told ? ':' : ''} ${reason}`, {
    device_error: error,
    untrusted: ['reason', 'device_error'],
  });
}

/**
 * The result of a command from the `result` member of a device's response: what the hub has members of its own for
 * is lifted out, the rest is `result`.
 * @param measured milliseconds between sending and answer, for a device that does not say how long it took
 */
export function resultOf(commandId: string, result: unknown, measured: number): ExecuteResult {
  if (!isObject(result))
    return { status: 'success', command_id: commandId, execution_time_ms: measured, result };
  const { applied_config: config, execution_time_ms: told, ...rest } = result;
  if (rest['status'] === 'success') delete rest['status'];
  const took = typeof told === 'number' && told >= 0 ? told : measured;
  return {
    status: 'success',
    command_id: commandId,
    execution_time_ms: took,
    ...(Object.keys(rest).length > 0 && { result: rest }),
    ...(isObject(config) && { applied_config: config satisfies JsonObject }),
  };
}
