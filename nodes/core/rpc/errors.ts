import { ErrorCode } from './error-codes.ts';
import { teach, type ErrorData } from './teach.ts';

export { ErrorCode } from './error-codes.ts';

const meanings: Record<ErrorCode, string> = {
  [ErrorCode.ParseError]: 'Parse error',
  [ErrorCode.InvalidRequest]: 'Invalid Request',
  [ErrorCode.MethodNotFound]: 'Method not found',
  [ErrorCode.InvalidParams]: 'Invalid params',
  [ErrorCode.InternalError]: 'Internal error',
  [ErrorCode.DeviceNotFound]: 'Device not found',
  [ErrorCode.DeviceOffline]: 'Device offline',
  [ErrorCode.DeviceBusy]: 'Device busy',
  [ErrorCode.CommunicationTimeout]: 'Communication timeout',
  [ErrorCode.SchemaValidationFailed]: 'Schema validation failed',
  [ErrorCode.Unauthorized]: 'Unauthorized',
  [ErrorCode.ResourceExhausted]: 'Resource exhausted',
  [ErrorCode.HardwareError]: 'Hardware error',
};

/** The `error` member of a JSON-RPC response. */
export interface ErrorObject {
  code: number;
  message: string;
  data?: unknown;
}

/** Whether a number is one of the protocol's codes. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'number' && code in meanings;
}

/**
 * A failure with the protocol's code. `reason` is one sentence that helps the caller to correct
 * itself; `details` may add the offending field, the allowed values or the nearest name.
 */
export class RpcError extends Error {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly details: Record<string, unknown>;

  constructor(code: ErrorCode, reason: string, details: Record<string, unknown> = {}) {
    super(`${meanings[code]}: ${reason}`);
    this.name = 'RpcError';
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  /** The `error` member: the specification's meaning as message, and as data the reason, the details and what helps. */
  toObject(): ErrorObject & { data: ErrorData } {
    return {
      code: this.code,
      message: meanings[this.code],
      data: teach(this.code, this.reason, this.details),
    };
  }
}

/** Any thrown value as an error object: an RpcError as it is, all else as -32603 without its inner text. */
export function toErrorObject(error: unknown): ErrorObject {
  if (error instanceof RpcError) return error.toObject();
  return new RpcError(
    ErrorCode.InternalError,
    'the hub failed while handling this; its log says more',
  ).toObject();
}
