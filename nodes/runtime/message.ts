import type { NodeMessage } from 'node-red';
import type { CommandOrigin } from '../core/command/types.ts';
import type { ErrorObject } from '../core/rpc/errors.ts';
import type { RpcCall, Transport } from '../core/rpc/types.ts';
import type { Principal } from '../core/security/types.ts';

/** The call a message belongs to; `rpc-out` needs it, everything between may ignore it. */
export interface MessageRpc {
  /** The hub's id of the call. */
  id: string;
  method: string;
  principal: Principal | undefined;
  transport: Transport;
  /** IP address of the caller, where there is one. */
  address?: string;
  /** What program the caller says it is. */
  agent?: string;
  /** The caller's place in a trace (W3C Trace Context). */
  traceparent?: string;
}

/** What travels on the wires between the hub's nodes; docs/messages.md is the same in words. */
export interface HubMessage extends NodeMessage {
  payload?: unknown;
  topic?: string;
  device?: { device_id: string };
  rpc?: MessageRpc;
  /** The place in a trace that came with a device's answer (W3C Trace Context). */
  traceparent?: string;
  /** Opaque id of the telemetry delivery this message belongs to. */
  delivery?: string;
  /** Why it was refused; also what a Catch node sets (then without a numeric code). */
  error?: ErrorObject;
}

/** Params of a call as an object; everything else on the wire is refused by the operation itself. */
export function paramsOf(message: HubMessage): Record<string, unknown> {
  const { payload } = message;
  return payload !== null && typeof payload === 'object' && !Array.isArray(payload)
    ? (payload as Record<string, unknown>)
    : {};
}

/** By what way, from where and by what program the call of a message came; undefined for one of the flow itself. */
export function originOf({ rpc }: HubMessage): CommandOrigin | undefined {
  if (!rpc) return undefined;
  const { transport, address, agent, traceparent } = rpc;
  return {
    transport,
    ...(address !== undefined && { address }),
    ...(agent !== undefined && { agent }),
    ...(traceparent !== undefined && { traceparent }),
  };
}

/** The message with which a call enters a flow, by `rpc-in` or as an announcement. */
export function messageOfCall(call: RpcCall): HubMessage {
  const { id, method, params, principal, transport, address, agent, traceparent } = call;
  return {
    payload: params,
    topic: method,
    rpc: {
      ...{ id, method, principal, transport },
      ...(address !== undefined && { address }),
      ...(agent !== undefined && { agent }),
      ...(traceparent !== undefined && { traceparent }),
    },
  };
}
