import type { Principal } from '../security/types.ts';
import type { Policy } from './guard.ts';
import type { Reading } from '../telemetry/types.ts';
import type { PlanResult } from './plan-types.ts';
import type { CommandQueries, ShownCommand } from './queries.ts';
import type { BatchResult, CommandOrigin, ExecuteResult } from './types.ts';

type Params = Record<string, unknown>;

/** Milliseconds. */
export interface CommandSettings {
  /** For commands whose caller and declaration name no `timeout_ms`; 10,000 unless told. */
  defaultTimeoutMs?: number;
  /** How many command records are kept; 10,000 unless told. */
  keep?: number;
  /** @throws RpcError -32006 when a principal has too many commands under way */
  mayStart?: (principal: Principal, underWay: number) => void;
}

/** What became of a message on a response topic. */
export type AnswerFate = 'matched' | 'late' | 'unknown' | 'malformed';

/**
 * Has devices carry out commands (specification sections 4.2, 8.1, 8.2), one at a time per MCU. Every command goes
 * through signatures, where it is critical, and policies: those that are always there, and `policy` (an id) if it is given.
 */
export interface CommandExecutor {
  /** Reads what is recorded; commands under way when the hub stopped become failed, those that waited wait on. */
  load(): Promise<void>;
  /**
   * `device.plan`: what commands would do, and the id of a plan that `execute` carries out exactly so. Nothing is sent, and
   * nothing is on record. @throws RpcError -32602 for params that are no plan
   */
  plan(params: Params, principal: Principal | undefined, policy?: string): PlanResult;
  /**
   * `device.execute`: `{ plan_id, request_key?, reason? }` of a plan, whose answer is that of `executeBatch` if it has several
   * commands, or `{ device_id, command, arguments?, timeout_ms?, signature?, request_key?, reason?, wait?, ttl_s?,
   * confirm? }`, the id of a device or a sensor. With `wait` a command for a device that is offline or busy is answered
   * as `queued` at once, and sent when the device is there, if everything that is asked of a command holds then as well.
   * With a `request_key` that was used before it answers what the first call answered.
   * @throws RpcError -32000 unknown, -32001 offline, -32002 busy, -32003 no answer in time, -32007 what the device
   * reports, -32602 a command or arguments the device did not declare, -32005 what the role or the scope is not for
   */
  execute(
    params: Params,
    principal: Principal | undefined,
    policy?: string,
    origin?: CommandOrigin,
  ): Promise<ExecuteResult>;
  /**
   * `device.batch_execute`: `{ device_ids, command, arguments?, timeout_ms?, signature?, request_key?, reason?, wait?,
   * ttl_s? }`; devices work concurrently, sensors of
   * one MCU in turn. @throws RpcError -32602 for bad params, -32005 for a command or arguments that the scope is not
   * for; what fails at a device is in its result
   */
  executeBatch(
    params: Params,
    principal: Principal | undefined,
    policy?: string,
    origin?: CommandOrigin,
  ): Promise<BatchResult>;
  /**
   * A method registered by a device: `{ device_id?, signature?, request_key?, ...arguments }`; a `request_key` that the
   * device declared as an argument is the device's.
   * @throws RpcError -32601 if no device offers it, -32602 if several do and none is named, and as `execute`
   */
  callMethod(
    method: string,
    params: Params,
    principal: Principal | undefined,
    policy?: string,
    origin?: CommandOrigin,
  ): Promise<ExecuteResult>;
  /** `command.get`: `{ command_id }`. @throws RpcError -32602 */
  get(params: Params, principal: Principal | undefined): ShownCommand;
  /** `command.list`: `{ device_id?, state?, limit?, cursor? }`. @throws RpcError -32602, -32000 */
  list: CommandQueries['list'];
  /**
   * `command.cancel`: `{ command_id, reason? }` of one that waits for its device; of one that was cancelled already, what it is.
   * @throws RpcError -32002 for one that was sent, -32602 for one that has ended, -32005 as `execute`
   */
  cancel(
    params: Params,
    principal: Principal | undefined,
    origin?: CommandOrigin,
  ): Promise<ShownCommand>;
  /**
   * `command.revert`: `{ command_id, reason?, request_key?, timeout_ms?, signature? }`: has the inverse that the device
   * declares carried out, once. @throws RpcError -32602 when there is none or it was undone already, and as `execute`
   */
  revert(
    params: Params,
    principal: Principal | undefined,
    policy?: string,
    origin?: CommandOrigin,
  ): Promise<ExecuteResult>;
  /** A device may be there: what waits for it leaves, as soon as it listens. */
  wake(deviceId: string): void;
  /** A device was removed: nothing waits for it any longer. */
  forget(deviceId: string): void;
  /** Nothing that waits leaves, as the limits that hold for it may not be in force. */
  hold(): void;
  release(): void;
  /** Tells what readings were stored, for the commands whose effect they show. */
  observe(readings: readonly Reading[]): void;
  /** Sets the policy of a config node, for every command or for those that name it. */
  setPolicy(id: string, policy: Policy): void;
  removePolicy(id: string): void;
  /** Takes the parsed response of a device or sensor, by the id of the topic it came on. */
  answer(targetId: string, message: unknown, traceparent?: string): AnswerFate;
  /** Commands under way and since start. */
  stats(): {
    pending: number;
    waiting: number;
    done: number;
    failed: number;
    timed_out: number;
    late: number;
  };
  /** Ends what is under way as failed. */
  close(): void;
}
