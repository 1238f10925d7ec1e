/** The thirteen error codes of the protocol (specification section 2.3). A public promise. */
export const ErrorCode = {
  ParseError: -32700,
  InvalidRequest: -32600,
  MethodNotFound: -32601,
  InvalidParams: -32602,
  InternalError: -32603,
  DeviceNotFound: -32000,
  DeviceOffline: -32001,
  DeviceBusy: -32002,
  CommunicationTimeout: -32003,
  SchemaValidationFailed: -32004,
  Unauthorized: -32005,
  ResourceExhausted: -32006,
  HardwareError: -32007,
} as const;

export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

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

  /** The `error` member: the specification's meaning as message, `{ reason, ... }` as data. */
  toObject(): ErrorObject {
    return {
      code: this.code,
      message: meanings[this.code],
      data: { reason: this.reason, ...this.details },
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
