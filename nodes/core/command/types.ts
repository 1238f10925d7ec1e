import type { ErrorObject } from '../rpc/errors.ts';
import type { Transport } from '../rpc/types.ts';
import type { Principal } from '../security/types.ts';
import type { ConfirmSpec, ShownReading } from './read-back.ts';

/** Port: how a command reaches a device, whatever the protocol. */
export interface DeviceLink {
  /**
   * Hands a command to the device or sensor with this id: JSON-RPC `{ jsonrpc, id, method, params }`; a critical
   * one with the signature of the hub, when the device has a secret.
   * Resolves when it has left the hub; rejects with RpcError when there is no way to deliver it.
   * @param timeoutMs how long anybody waits for the answer; a link that can drop it undelivered after that does
   * @param onDelivered called when the device has acknowledged that it got it, where the link can know
   */
  deliver(
    targetId: string,
    command: {
      id: string;
      method: string;
      params: Record<string, unknown>;
      critical?: true;
      /** The caller's place in a trace, for devices that take part in it. */
      traceparent?: string;
    },
    timeoutMs: number,
    onDelivered?: () => void,
  ): Promise<void>;
  /** Whether the device or sensor is listening now; undefined where the link cannot know. */
  listens?(targetId: string): boolean | undefined;
}

export const commandStates = [
  'queued',
  'sent',
  'delivered',
  'done',
  'failed',
  'expired',
  'cancelled',
  'timed_out',
] as const;
/** `expired` and `cancelled` never left the hub. */
export type CommandState = (typeof commandStates)[number];

/** By what way, from where and by what program a call came; the flow itself has none. */
export interface CommandOrigin {
  transport: Transport;
  /** IP address of the caller, where there is one. */
  address?: string;
  /** What program the caller says it is. */
  agent?: string;
  /** The caller's place in a trace (W3C Trace Context). */
  traceparent?: string;
}

/** What a command that waits needs to be sent later. */
export interface WaitingCall {
  method: string;
  principal?: Principal;
  policies: string[];
  /** Its signature was checked when it came. */
  signed: boolean;
  /** It is destructive, and what that needs was there when it came. */
  confirmed?: boolean;
  timeout_ms: number;
  origin?: CommandOrigin;
  confirm?: ConfirmSpec;
}

/** A command as it is recorded. */
export interface CommandRecord {
  command_id: string;
  /** The MCU that carries it out. */
  device_id: string;
  sensor_id?: string;
  command: string;
  arguments: Record<string, unknown>;
  /** Names of what is secret in it, as the device marked them with `x-sensitive`. */
  sensitive?: string[];
  state: CommandState;
  /** Id of the key that asked for it. */
  issued_by: string;
  /** ISO 8601. */
  created_at: string;
  sent_at?: string;
  delivered_at?: string;
  ended_at?: string;
  /** Until when it waits, or waited, for its device. */
  expires_at?: string;
  /** Set while it waits for its device. */
  waits?: WaitingCall;
  /** Why, in the words of who asked for it. */
  reason?: string;
  /** What program that was, as it says itself. */
  agent?: string;
  request_key?: string;
  /** The command this one undoes, and the one that undid this. */
  reverts?: string;
  reverted_by?: string;
  /** What of the applied configuration the inverse of this command needs, from before it. */
  before?: Record<string, unknown>;
  /** Whether a reading showed its effect, and which. */
  confirmed?: boolean;
  reading?: ShownReading;
  execution_time_ms?: number;
  result?: unknown;
  error?: ErrorObject;
  /** Why it was cancelled, in the words of who did. */
  cancel_reason?: string;
  /** An answer that came after the end; recorded, never used. */
  late_answer?: unknown;
}

/** Result of `device.execute` (specification section 4.2), or that the command waits for its device. */
export interface ExecuteResult {
  status: 'success' | 'queued';
  command_id: string;
  execution_time_ms?: number;
  /** ISO 8601; of a command that waits. */
  expires_at?: string;
  /** The command that was undone by this one. */
  reverts?: string;
  /** Whether a reading measured after the command was sent showed its effect; only if that was asked for. */
  confirmed?: boolean;
  /** The reading that showed it, or the newest that did not. */
  reading?: ShownReading;
  /** What the device answered, less `applied_config`. */
  result?: unknown;
  applied_config?: Record<string, unknown>;
  /** Which members are the device's own words. */
  untrusted?: string[];
}

/** Result of `device.batch_execute` (specification section 8.2). */
export interface BatchResult {
  results: {
    device_id: string;
    status: 'success' | 'queued' | 'failed';
    result?: ExecuteResult;
    error?: ErrorObject;
  }[];
  summary: { success: number; failed: number; queued?: number };
}
