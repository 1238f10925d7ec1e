import type { Severity } from '../core/alert/types.ts';
import { isObject } from '../core/document.ts';
import { ErrorCode, RpcError } from '../core/rpc/errors.ts';
import { paramsOf, type HubMessage } from './message.ts';

/** What an `alert` node is configured with. */
export interface AlertDefaults {
  kind: string;
  severity: Severity;
  message: string;
  lasting: boolean;
}

/** An alarm to raise or clear; device and kind together are its identity. */
export interface AlertRequest {
  device_id?: string;
  kind: string;
  severity: Severity;
  message: string;
  data?: Record<string, unknown>;
  lasting: boolean;
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

/** Fills an alarm from the node's configuration, then from the message. */
export function raiseRequestOf(message: HubMessage, defaults: AlertDefaults): AlertRequest {
  const params = paramsOf(message);
  const kind = text(defaults.kind) ?? text(params['kind']);
  if (!kind)
    throw new RpcError(
      ErrorCode.InvalidParams,
      'an alarm needs a kind, in the node or the payload',
      {
        field: 'kind',
      },
    );
  const deviceId = message.device?.device_id ?? text(params['device_id']);
  const details = message.error?.data as Record<string, unknown> | undefined;
  const data = details ?? (isObject(params['data']) ? params['data'] : undefined);
  return {
    ...(deviceId === undefined ? {} : { device_id: deviceId }),
    kind,
    severity: defaults.severity,
    message:
      text(defaults.message) ??
      text(details?.['reason']) ??
      text(message.error?.message) ??
      text(params['message']) ??
      text(params['reason']) ??
      kind,
    ...(data ? { data } : {}),
    lasting: defaults.lasting,
  };
}
