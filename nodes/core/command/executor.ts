import type { Clock } from '../clock.ts';
import type { DeviceRegistry } from '../device/ports.ts';
import { jsonSize, type JsonObject } from '../document.ts';
import type { Ids } from '../ids.ts';
import type { Log } from '../log.ts';
import { invalidParam, optionalString } from '../params.ts';
import type { RecordStore } from '../records.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { placeName } from '../rpc/quoted.ts';
import type { Principal } from '../security/types.ts';
import { createBatch } from './batch.ts';
import type { SignedCall } from './call-signature.ts';
import { readAnswer } from './device-answer.ts';
import { closedGuard, type CommandGuard } from './guard.ts';
import { createCommandHistory } from './history.ts';
import { createCommandsOnRecord, type CommandRecorder } from './on-record.ts';
import { runCommand, type RunningCommand } from './lifecycle.ts';
import { requireUncritical } from './permission.ts';
import type { CommandExecutor, CommandSettings } from './ports.ts';
import { showResult } from './show.ts';
import { readRequest, type CommandRequest } from './request.ts';
import type { DeviceLink, ExecuteResult } from './types.ts';

const largestConfig = 16 * 1_024;

export interface ExecutorDeps {
  registry: DeviceRegistry;
  /** The way to the devices as it is now; undefined while there is none. */
  link: () => DeviceLink | undefined;
  records: RecordStore;
  clock: Clock;
  ids: Ids;
  log: Log;
  settings?: CommandSettings;
  guard?: CommandGuard;
  /** Where commands are told, and are on record before they are answered. */
  recorder?: CommandRecorder;
}

/** By what way a command came. */
interface Via {
  /** Resolves once the call is known to be signed, asked for any number of times. @throws RpcError */
  signed: () => Promise<void>;
  policies: readonly string[];
}

export function createCommandExecutor(deps: ExecutorDeps): CommandExecutor {
  const { registry, records, clock, ids, log, guard = closedGuard } = deps;
  const { defaultTimeoutMs = 10_000, keep = 10_000 } = deps.settings ?? {};
  const history = createCommandHistory({ records, log, keep });
  const onRecord = createCommandsOnRecord({ recorder: deps.recorder, clock });
  const running = new Map<string, RunningCommand>();
  const busy = new Map<string, RunningCommand>();
  /** How many of them each principal has. */
  const underWay = new Map<string, number>();
  const ends = { done: 0, failed: 0, timed_out: 0, late: 0 };

  const start = (request: CommandRequest, principal: Principal | undefined): RunningCommand => {
    const { device } = request.target;
    if (device.status === 'offline') throw offline(device.device_id);
    const current = busy.get(device.device_id);
    if (current) throw busyWith(current, clock.now());
    const link = deps.link();
    if (!link)
      throw new RpcError(
        ErrorCode.DeviceOffline,
        'the hub has no way to its devices: no broker is connected',
        { device_id: device.device_id },
      );
    const command = { id: ids.uuid(), request, issuedBy: principal?.id ?? 'flow' };
    guard.sent(command.id, request);
    const started = runCommand({ clock, history, link, log }, command);
    running.set(started.id, started);
    busy.set(device.device_id, started);
    return started;
  };

  const countUnderWay = (principal: Principal | undefined, change: 1 | -1): void => {
    if (!principal) return;
    const count = (underWay.get(principal.id) ?? 0) + change;
    if (count > 0) underWay.set(principal.id, count);
    else underWay.delete(principal.id);
  };

  const offline = (deviceId: string): RpcError => {
    const lastSeen = new Date(registry.lastSeen(deviceId)).toISOString();
    return new RpcError(ErrorCode.DeviceOffline, `the device is offline, last seen ${lastSeen}`, {
      device_id: deviceId,
      last_seen: lastSeen,
    });
  };

  const via = (call: SignedCall, policy: string | undefined): Via => {
    let signed: Promise<void> | undefined;
    return {
      signed: () => (signed ??= guard.requireSignature(call)),
      policies: policy === undefined ? [] : [policy],
    };
  };
  const run = (
    params: JsonObject,
    principal: Principal | undefined,
    way: Via,
  ): Promise<ExecuteResult> =>
    onRecord(params, principal, (onRead) => carryOut(params, principal, way, onRead));
  const carryOut = async (
    params: JsonObject,
    principal: Principal | undefined,
    { signed, policies }: Via,
    onRead: (request: CommandRequest) => void,
  ): Promise<ExecuteResult> => {
    const read = readRequest(registry, params, principal, defaultTimeoutMs);
    onRead(read);
    const request = { ...read, critical: guard.isCritical(read, policies) };
    if (request.critical) {
      requireUncritical(principal, request.command);
      await signed();
    }
    if (principal) deps.settings?.mayStart?.(principal, underWay.get(principal.id) ?? 0);
    // No wait between the limits and the start: what they went by is still so when the command leaves.
    guard.requirePolicy(request, principal, policies);
    const command = start(request, principal);
    countUnderWay(principal, 1);
    try {
      const result = await command.ended;
      ends.done += 1;
      guard.done(command.id, request);
      if (result.applied_config) await keepConfig(request.targetId, result.applied_config);
      return showResult(result, request.sensitive);
    } catch (error) {
      const timedOut = error instanceof RpcError && error.code === ErrorCode.CommunicationTimeout;
      ends[timedOut ? 'timed_out' : 'failed'] += 1;
      throw error;
    } finally {
      countUnderWay(principal, -1);
      running.delete(command.id);
      busy.delete(request.target.device.device_id);
    }
  };
  const keepConfig = async (targetId: string, config: JsonObject): Promise<void> => {
    if (jsonSize(config) > largestConfig) {
      log.warn(
        `the configuration ${targetId} applied is over ${largestConfig} bytes; it is not kept`,
      );
      return;
    }
    try {
      await registry.setAppliedConfig(targetId, config);
    } catch (error) {
      // The device did apply it: the caller has to hear of that, whatever the store says.
      log.error(`could not keep the configuration of ${targetId}: ${String(error)}`);
    }
  };

  const recordLate = (id: string, targetId: string, message: unknown): boolean => {
    const record = history.get(id);
    if (!record || !isFrom(targetId, record.device_id, record.sensor_id)) return false;
    ends.late += 1;
    // A second answer to a command that is done is a repetition of the first.
    if (record.late_answer === undefined && record.state !== 'done')
      history
        .save({ ...record, late_answer: message })
        .catch((error: unknown) => log.warn(`could not record a late answer: ${String(error)}`));
    return true;
  };

  return {
    load: () => history.load(new Date(clock.now()).toISOString()),
    execute: async (params, principal, policy) =>
      run(params, principal, via({ method: 'device.execute', params, principal }, policy)),
    executeBatch(params, principal, policy) {
      const way = via({ method: 'device.batch_execute', params, principal }, policy);
      const batch = createBatch({
        execute: (one, by) => run(one, by, way),
        ownerOf: (id) => registry.ownerOf(id),
      });
      return batch(params, principal);
    },
    async callMethod(method, params, principal, policy) {
      const args = { ...params };
      delete args['device_id'];
      delete args['signature'];
      const seen = registry.seenBy(principal);
      const deviceId = methodOwner(seen, method, optionalString(params, 'device_id'));
      const command = { device_id: deviceId, command: method, arguments: args };
      return run(command, principal, via({ method, params, principal }, policy));
    },
    answer(targetId, message) {
      const answer = readAnswer(message);
      if (!answer) return 'malformed';
      const { id, outcome } = answer;
      const command = running.get(id);
      const { device, sensor } = command?.request.target ?? {};
      const matches =
        command !== undefined &&
        isFrom(targetId, device?.device_id, sensor?.sensor_id) &&
        command.answer(outcome);
      if (matches) return 'matched';
      const said = 'error' in outcome ? outcome.error : outcome.result;
      return recordLate(id, targetId, said) ? 'late' : 'unknown';
    },
    setPolicy: (id, policy) => guard.setPolicy(id, policy, history.all()),
    removePolicy: (id) => guard.removePolicy(id),
    stats: () => ({ pending: running.size, ...ends }),
    close() {
      const stopping = new RpcError(ErrorCode.InternalError, 'the hub is stopping');
      for (const command of running.values()) command.abort(stopping);
    },
  };
}

/** An answer comes from what was asked; for a sensor, its MCU may answer on its own topic. */
function isFrom(
  targetId: string,
  deviceId: string | undefined,
  sensorId: string | undefined,
): boolean {
  return targetId === deviceId || (sensorId !== undefined && targetId === sensorId);
}

/** Most milliseconds after which it is worth asking whether a busy device is free. */
const longestLook = 1_000;

function busyWith(current: RunningCommand, now: number): RpcError {
  const { command, target, timeoutMs } = current.request;
  const freeBy = Date.parse(current.since) + timeoutMs;
  return new RpcError(
    ErrorCode.DeviceBusy,
    `the device has been carrying out ${placeName(command)} since ${current.since}; it takes one command at a time`,
    {
      device_id: target.device.device_id,
      command,
      command_id: current.id,
      since: current.since,
      free_by: new Date(freeBy).toISOString(),
      retry_after_ms: Math.min(longestLook, Math.max(100, freeBy - now)),
    },
  );
}

function methodOwner(
  registry: DeviceRegistry,
  method: string,
  deviceId: string | undefined,
): string {
  const owners = registry.methodOwners(method);
  const [first] = owners;
  if (!first) throw new RpcError(ErrorCode.MethodNotFound, `no device offers the method ${method}`);
  if (deviceId === undefined && owners.length === 1) return first.device_id;
  const wanted = deviceId === undefined ? undefined : registry.view(deviceId).device_id;
  if (wanted !== undefined && owners.some((owner) => owner.device_id === wanted)) return wanted;
  const devices = owners.slice(0, 50).map(({ device_id, name }) => ({ device_id, name }));
  throw invalidParam(
    'device_id',
    deviceId === undefined
      ? `${owners.length} devices offer ${method}; say which one by device_id`
      : `this device does not offer ${method}`,
    { allowed: devices, untrusted: ['allowed'] },
  );
}
