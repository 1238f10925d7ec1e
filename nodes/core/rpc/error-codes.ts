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
