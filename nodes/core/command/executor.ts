import type { Clock } from '../clock.ts';
import type { DeviceRegistry } from '../device/ports.ts';
import { jsonSize, type JsonObject } from '../document.ts';
import type { Ids } from '../ids.ts';
import type { Log } from '../log.ts';
import { optionalString } from '../params.ts';
import type { RecordStore } from '../records.ts';
import type { StartSpan } from '../trace.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { Principal } from '../security/types.ts';
import type { Reading } from '../telemetry/types.ts';
import { cleanText } from '../text.ts';
import { confirmationOf } from './approval-rules.ts';
import type { Approvals } from './approvals.ts';
import { createBatch } from './batch.ts';
import { givenBy, recordOf, type Call, type ReadCall } from './command-call.ts';
import { createCommandChecks } from './command-checks.ts';
import { createCallConfirmation } from './call-confirmation.ts';
import { readAnswer } from './device-answer.ts';
import { notWaiting, outcomeOf } from './ending.ts';
import { closedGuard, type CommandGuard } from './guard.ts';
import { createPlanExecution, type Once } from './execute-plan.ts';
import { createCommandHistory } from './history.ts';
import { beforeOf } from './inverse.ts';
import { createCommandsOnRecord, type CommandRecorder } from './on-record.ts';
import { runCommand, type RunningCommand } from './lifecycle.ts';
import { declaresArgument, methodOwner } from './method-owner.ts';
import { withDevice } from './named-device.ts';
import type { CommandExecutor, CommandSettings } from './ports.ts';
import { createCommandQueries } from './queries.ts';
import type { ResolvePhrase } from './plan-request.ts';
import { createPlans } from './plans.ts';
import { createReadBack, readConfirm } from './read-back.ts';
import { createRequestKeys, readRequestKey } from './request-keys.ts';
import { showResult } from './show.ts';
import { readOptions, readRequest, type CommandOptions, type CommandRequest } from './request.ts';
import type {
  BatchResult,
  CommandOrigin,
  CommandRecord,
  DeviceLink,
  ExecuteResult,
} from './types.ts';
import { busyWith, offline } from './reachable.ts';
import { createRevert, requireMayCommand } from './revert.ts';
import { callOfWaited, recordOfWaiting } from './waited-call.ts';
import { createWaitingDelivery } from './waiting-delivery.ts';

const largestConfig = 16 * 1_024;

export interface ExecutorDeps {
  registry: DeviceRegistry;
  /** The way to the devices as it is now; undefined while there is none. */
  link: () => DeviceLink | undefined;
  records: RecordStore;
  clock: Clock;
  ids: Ids;
  log: Log;
  /** Opens a span for each command that is sent. */
  startSpan?: StartSpan | undefined;
  settings?: CommandSettings;
  guard?: CommandGuard;
  /** Finds the devices that words mean. */
  resolvePhrase?: (principal: Principal | undefined) => ResolvePhrase;
  /** Whom to ask where a command needs somebody's word; without it none does. */
  approvals?: Approvals;
  /** Where commands are told, and are on record before they are answered. */
  recorder?: CommandRecorder;
  /** Whether somebody who gave a command that waited may still give any. */
  stands?: (principal: Principal) => boolean;
  /** The newest reading of each series of a device. */
  latest?: (deviceId: string) => readonly Reading[];
  /** Told of each new command and each change of a state. */
  onChange?: (record: CommandRecord) => void;
}

export function createCommandExecutor(deps: ExecutorDeps): CommandExecutor {
  const { registry, records, clock, ids, log, guard = closedGuard } = deps;
  const { defaultTimeoutMs = 10_000, keep = 10_000 } = deps.settings ?? {};
  const history = createCommandHistory({
    ...{ records, log, keep },
    ...(deps.onChange && { onChange: deps.onChange }),
  });
  const onRecord = createCommandsOnRecord({ recorder: deps.recorder, clock });
  const queries = createCommandQueries({ history, registry });
  const keys = createRequestKeys({ records, clock, ids, log });
  const readBack = createReadBack({ clock, latest: deps.latest ?? (() => []) });
  const plans = createPlans({
    ...{ clock, ids, latest: deps.latest ?? (() => []) },
    ...(deps.resolvePhrase && { resolve: deps.resolvePhrase }),
  });
  const running = new Map<string, RunningCommand>();
  const busy = new Map<string, RunningCommand>();
  /** How many of them each principal has. */
  const underWay = new Map<string, number>();
  const ends = { done: 0, failed: 0, timed_out: 0, late: 0 };
  const waiting = createWaitingDelivery({
    ...{ registry, history, onRecord, clock, log, link: deps.link },
    isBusy: (deviceId) => busy.has(deviceId),
    send: (record) => sendWaited(record),
  });

  const requireReachable = ({ target }: CommandRequest): DeviceLink => {
    const { device } = target;
    if (device.status === 'offline') throw offline(registry, device.device_id);
    const current = busy.get(device.device_id);
    if (current) throw busyWith(current, clock.now());
    const link = deps.link();
    if (link) return link;
    throw new RpcError(
      ErrorCode.DeviceOffline,
      'the hub has no way to its devices: no broker is connected',
      { device_id: device.device_id },
    );
  };
  /** @throws RpcError -32001, -32002 */
  const start = (request: CommandRequest, call: Call, options: CommandOptions): RunningCommand => {
    const { device, sensor } = request.target;
    const link = requireReachable(request);
    const { waited, principal } = call;
    const before = beforeOf(request.declaration?.inverse, (sensor ?? device).applied_config);
    const { waits: _waits, ...kept } = waited ?? {};
    const id = waited?.command_id ?? ids.uuid();
    guard.sent(id, request);
    const started = runCommand(
      { clock, history, link, log, startSpan: deps.startSpan },
      {
        ...{
          id,
          request,
          issuedBy: principal?.id ?? 'flow',
          traceparent: call.origin?.traceparent,
        },
        more: { ...recordOf(call, options), ...kept, ...(before && { before }) },
        async beforeSending() {
          await call.confirmation.use();
          await call.started(id);
        },
      },
    );
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

  const callOf = (
    call: Pick<Call, 'method' | 'params' | 'principal'>,
    policy: string | undefined,
    origin: CommandOrigin | undefined,
  ): Call => {
    let signed: Promise<void> | undefined;
    const { params, principal } = call;
    return {
      ...call,
      confirmation: createCallConfirmation({
        ...{ approvals: deps.approvals, principal, origin },
        reason: cleanText(params['reason'], 500) || undefined,
        isSigned: (params['signature'] ?? undefined) !== undefined,
        signed: () => (signed ??= guard.requireSignature(call)),
      }),
      policies: policy === undefined ? [] : [policy],
      origin,
      isAnswer: true,
      started: () => Promise.resolve(),
    };
  };
  /** Carries a call out once, however often its key is repeated. */
  const once: Once = (call, what, carryOut) => {
    const { method, params, principal } = call;
    const key = readRequestKey(params);
    return keys.once({ key, of: principal?.id ?? 'flow', what: { method, ...what } }, carryOut);
  };
  const read = ({ params, principal }: Pick<Call, 'params' | 'principal'>): ReadCall => {
    const options = readOptions(params);
    const request = readRequest(registry, params, principal, defaultTimeoutMs);
    return {
      request,
      options,
      confirm: readConfirm(params['confirm'], request, principal, registry),
    };
  };
  const run = (call: Call): Promise<ExecuteResult> =>
    onRecord.run(givenBy(call), async (onRead) => {
      const { request: asked, ...more } = read(call);
      onRead(asked);
      const given = { ...more, request: judged(asked, call) };
      // Without a wait where none is needed: commands of the same moment start in their order.
      if (confirmationOf(given.request))
        await call.confirmation.require(given.request, undefined, () =>
          requireMayLeave(given, call),
        );
      const mustWait = given.options.waitMs !== undefined && !isReachable(given.request);
      return mustWait ? waitFor(given, call) : send(given, call);
    });
  /** Knows whether a command is critical, by its declaration or a policy. */
  const judged = (asked: CommandRequest, { policies }: Pick<Call, 'policies'>): CommandRequest => ({
    ...asked,
    critical: guard.isCritical(asked, policies),
  });
  /** What would refuse it anyhow. @throws RpcError -32001, -32002, -32005 */
  const requireMayLeave = ({ request, options }: ReadCall, call: Call): void => {
    guard.requirePolicy(request, call.principal, call.policies);
    if (options.waitMs === undefined) requireReachable(request);
  };
  const checks = createCommandChecks({
    ...{ guard, approvals: deps.approvals, read, judged, requireReachable },
    isBusy: (deviceId) => busy.has(deviceId),
  });
  const executePlan = createPlanExecution({ plans, checks, once, run });
  const revert = createRevert({ queries, registry, history, run });
  const send = async (
    { request, options, confirm }: ReadCall,
    call: Call,
  ): Promise<ExecuteResult> => {
    const { principal, policies, waited, reverts } = call;
    if (principal && !waited) deps.settings?.mayStart?.(principal, underWay.get(principal.id) ?? 0);
    // No wait between the limits and the start: what they went by is still so when the command leaves.
    guard.requirePolicy(request, principal, policies);
    const watch = confirm && readBack.watch(confirm, request);
    try {
      const command = start(request, call, options);
      const result = await endOf(command, principal);
      const shown = { ...result, ...(reverts !== undefined && { reverts }) };
      if (!watch) return showResult(shown, request.sensitive);
      const outcome = await watch.outcome();
      const record = history.get(command.id);
      if (record)
        await history
          .save({ ...record, ...outcome })
          .catch((error: unknown) => log.error(`could not record a read-back: ${String(error)}`));
      return showResult({ ...shown, ...outcome }, request.sensitive);
    } finally {
      watch?.end();
    }
  };
  const endOf = async (
    command: RunningCommand,
    principal: Principal | undefined,
  ): Promise<ExecuteResult> => {
    const { request } = command;
    const deviceId = request.target.device.device_id;
    countUnderWay(principal, 1);
    try {
      const result = await command.ended;
      ends.done += 1;
      guard.done(command.id, request);
      if (result.applied_config) await keepConfig(request.targetId, result.applied_config);
      return result;
    } catch (error) {
      const timedOut = error instanceof RpcError && error.code === ErrorCode.CommunicationTimeout;
      ends[timedOut ? 'timed_out' : 'failed'] += 1;
      throw error;
    } finally {
      countUnderWay(principal, -1);
      running.delete(command.id);
      busy.delete(deviceId);
      waiting.wake(deviceId);
    }
  };

  /** What waits for a device goes first, in its order. */
  const isReachable = (request: CommandRequest): boolean => {
    const { device } = request.target;
    const link = deps.link();
    return (
      device.status !== 'offline' &&
      !busy.has(device.device_id) &&
      !waiting.has(device.device_id) &&
      link !== undefined &&
      // A device that just came back is there before it listens.
      link.listens?.(request.targetId) !== false
    );
  };
  const waitFor = async (given: ReadCall, call: Call): Promise<ExecuteResult> => {
    const { request, options } = given;
    const { principal, policies } = call;
    const free = waiting.reserve(request.target.device.device_id);
    try {
      guard.requirePolicy(request, principal, policies);
      // Whose key ends before then has nobody it waits for.
      const until = Math.min(
        clock.now() + (options.waitMs ?? 0),
        principal?.expires_at === undefined ? Infinity : Date.parse(principal.expires_at),
      );
      const record = recordOfWaiting(given, call, {
        ...{ id: ids.uuid(), now: clock.now(), until },
      });
      await call.confirmation.use();
      await Promise.all([history.save(record), call.started(record.command_id)]);
      waiting.add(record);
      const { command_id, expires_at } = record;
      return { status: 'queued', command_id, ...(expires_at !== undefined && { expires_at }) };
    } finally {
      free();
    }
  };
  /** Sends what waited, after all that is asked of a command was asked again. @throws RpcError when it may not leave */
  const sendWaited = async (waited: CommandRecord): Promise<boolean> => {
    const call = callOfWaited(waited, deps.approvals, callOf);
    const { principal } = call;
    if (principal && deps.stands?.(principal) === false)
      throw new RpcError(
        ErrorCode.Unauthorized,
        'whoever gave this command may not give any now: the key has ended, or every LLM is shut out',
      );
    const { request: asked, ...more } = read(call);
    const given = { ...more, request: judged(asked, call) };
    await call.confirmation.require(given.request);
    guard.requirePolicy(given.request, principal, call.policies);
    try {
      await onRecord.run(givenBy(call), (onRead) => {
        onRead(given.request);
        return send(given, call);
      });
    } catch {
      // How it ended is in its record; what has none was not sent.
      return history.get(waited.command_id)?.waits === undefined;
    }
    return true;
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
    async load() {
      await history.load(new Date(clock.now()).toISOString());
      waiting.load();
      await keys.load((id) => outcomeOf(history.get(id)));
    },
    plan: (params, principal, policy) =>
      plans.make(params, principal, (step) =>
        checks.check({ params: step, principal, policies: policy === undefined ? [] : [policy] }),
      ),
    execute: async (params, principal, policy, origin) => {
      const named = withDevice(params, deps.resolvePhrase?.(principal));
      const call = callOf({ method: 'device.execute', params: named, principal }, policy, origin);
      if ((params['plan_id'] ?? undefined) !== undefined)
        return executePlan(call) as Promise<ExecuteResult>;
      const { device_id, command, arguments: args = {} } = named;
      return once(call, { device_id, command, arguments: args }, (started) =>
        run({ ...call, started }),
      );
    },
    async executeBatch(params, principal, policy, origin) {
      const call = callOf({ method: 'device.batch_execute', params, principal }, policy, origin);
      if ((params['plan_id'] ?? undefined) !== undefined)
        return executePlan(call) as Promise<BatchResult>;
      const { device_ids, command, arguments: args = {} } = params;
      const { request_key: _key, confirm: _confirm, ...each } = params;
      return once(call, { device_ids, command, arguments: args }, async (started) => {
        await checks.confirmAll(call, stepsOfBatch(each));
        const batch = createBatch({
          execute: (one, by) =>
            run({
              ...{ ...call, params: one, principal: by, isAnswer: false },
              started: () => started(),
            }),
          ownerOf: (id) => registry.ownerOf(id),
        });
        return batch(each, principal);
      });
    },
    async callMethod(method, params, principal, policy, origin) {
      const args = { ...params };
      delete args['device_id'];
      delete args['signature'];
      const seen = registry.seenBy(principal);
      const deviceId = methodOwner(seen, method, optionalString(params, 'device_id'));
      const isOwn = declaresArgument(seen.get(deviceId), method, 'request_key');
      const key = isOwn ? undefined : args['request_key'];
      if (!isOwn) delete args['request_key'];
      const command = { device_id: deviceId, command: method, arguments: args };
      const call = callOf({ method, params, principal }, policy, origin);
      const keyed = {
        ...call,
        params: { ...command, ...(key !== undefined && { request_key: key }) },
      };
      return once(keyed, command, (started) => run({ ...keyed, started }));
    },
    get: (params, principal) => queries.show(queries.find(params, principal), principal),
    list: (params, principal) => queries.list(params, principal),
    async cancel(params, principal, origin) {
      const record = queries.find(params, principal);
      requireMayCommand(registry, record, principal);
      if (record.state === 'cancelled') return queries.show(record, principal);
      const { reason } = readOptions({ reason: params['reason'] });
      const cancelled = await waiting.cancel(record.command_id, { principal, origin, reason });
      if (!cancelled) throw notWaiting(record);
      return queries.show(cancelled, principal);
    },
    async revert(params, principal, policy, origin) {
      const call = callOf({ method: 'command.revert', params, principal }, policy, origin);
      requireMayCommand(registry, queries.find(params, principal), principal);
      return once(call, { command_id: params['command_id'] }, (started) =>
        revert({ ...call, started }),
      );
    },
    wake: (deviceId) => waiting.wake(deviceId, true),
    forget(deviceId) {
      const removed = new RpcError(ErrorCode.DeviceNotFound, 'the device was removed', {
        device_id: deviceId,
      });
      waiting.forget(deviceId, removed);
    },
    hold: () => waiting.hold(),
    release: () => waiting.release(),
    observe: (readings) => readBack.observe(readings),
    answer(targetId, message, traceparent) {
      const answer = readAnswer(message);
      if (!answer) return 'malformed';
      const { id, outcome } = answer;
      const command = running.get(id);
      const { device, sensor } = command?.request.target ?? {};
      const matches =
        command !== undefined &&
        isFrom(targetId, device?.device_id, sensor?.sensor_id) &&
        command.answer(outcome, traceparent);
      if (matches) return 'matched';
      const said = 'error' in outcome ? outcome.error : outcome.result;
      return recordLate(id, targetId, said) ? 'late' : 'unknown';
    },
    setPolicy: (id, policy) => guard.setPolicy(id, policy, history.all()),
    removePolicy: (id) => guard.removePolicy(id),
    stats: () => ({ pending: running.size, waiting: waiting.size(), ...ends }),
    close() {
      waiting.close();
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

/** The commands of a batch, as far as it names devices. */
function stepsOfBatch({ device_ids: ids, ...params }: JsonObject): JsonObject[] {
  return Array.isArray(ids) ? ids.map((device_id: unknown) => ({ ...params, device_id })) : [];
}
