import type { ErrorObject } from '../rpc/errors.ts';

/** Port: how a command reaches a device, whatever the protocol. */
export interface DeviceLink {
  /**
   * Hands a command to the device or sensor with this id: JSON-RPC `{ jsonrpc, id, method, params }`; a critical
   * one with the signature of the hub, when the device has a secret.
   * Resolves when it has left the hub; rejects with RpcError when there is no way to deliver it.
   * @param timeoutMs how long anybody waits for the answer; a link that can drop it undelivered after that does
   */
  deliver(
    targetId: string,
    command: { id: string; method: string; params: Record<string, unknown>; critical?: true },
    timeoutMs: number,
  ): Promise<void>;
}

export type CommandState = 'queued' | 'sent' | 'done' | 'failed' | 'timed_out';

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
  ended_at?: string;
  execution_time_ms?: number;
  result?: unknown;
  error?: ErrorObject;
  /** An answer that came after the end; recorded, never used. */
  late_answer?: unknown;
}

/** Result of `device.execute` (specification section 4.2). */
export interface ExecuteResult {
  status: 'success';
  command_id: string;
  execution_time_ms: number;
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
    status: 'success' | 'failed';
    result?: ExecuteResult;
    error?: ErrorObject;
  }[];
  summary: { success: number; failed: number };
}
