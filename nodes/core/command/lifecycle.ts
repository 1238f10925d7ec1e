import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { ErrorCode, RpcError, toErrorObject } from '../rpc/errors.ts';
import { placeName } from '../rpc/quoted.ts';
import { masked } from '../security/sensitive.ts';
import { errorOfDevice, resultOf, type DeviceAnswer } from './device-answer.ts';
import { isOpen, type CommandHistory } from './history.ts';
import type { OpenSpan, SpanStart, StartSpan } from '../trace.ts';
import type { CommandRequest } from './request.ts';
import type { CommandRecord, CommandState, DeviceLink, ExecuteResult } from './types.ts';

/** One command under way, from queued to its end. */
export interface RunningCommand {
  readonly id: string;
  readonly request: CommandRequest;
  /** ISO 8601. */
  readonly since: string;
  /** Ends as the command does, the end being stored. @throws RpcError */
  readonly ended: Promise<ExecuteResult>;
  /** False if it had ended already. @param traceparent the place in a trace that came with it */
  answer(outcome: DeviceAnswer['outcome'], traceparent?: string): boolean;
  /** The device has it. */
  delivered(): void;
  /** Ends it without the device. */
  abort(error: RpcError): void;
}

/** A command to be run. */
export interface CommandToRun {
  id: string;
  request: CommandRequest;
  issuedBy: string;
  /** What else its record says from the start. */
  more?: Partial<CommandRecord>;
  /** The place in a trace of the call it came by. */
  traceparent?: string | undefined;
  /** Done beside storing it; it is not sent if this fails. */
  beforeSending?: () => Promise<void>;
}

/**
 * Runs one command through queued → sent → delivered (where the link can know) → done, failed or timed out, each state
 * stored. The device's time counts from the moment the command is handed to the link.
 */
export function runCommand(
  deps: {
    clock: Clock;
    history: CommandHistory;
    link: DeviceLink;
    log: Log;
    startSpan?: StartSpan | undefined;
  },
  command: CommandToRun,
): RunningCommand {
  const { clock, history, link, log } = deps;
  const { id, request, issuedBy, more, beforeSending, traceparent } = command;
  const { target, targetId, timeoutMs } = request;
  const now = (): string => new Date(clock.now()).toISOString();
  const end = Promise.withResolvers<ExecuteResult>();
  const since = now();
  let startedAt = clock.now();
  let cancelTimeout: (() => void) | undefined;
  let span: OpenSpan | undefined;
  let record: CommandRecord = {
    command_id: id,
    device_id: target.device.device_id,
    ...(target.sensor && { sensor_id: target.sensor.sensor_id }),
    command: request.command,
    arguments: request.arguments,
    ...(request.sensitive.size > 0 && { sensitive: [...request.sensitive] }),
    state: 'queued',
    issued_by: issuedBy,
    created_at: since,
    ...more,
  };
  const open = (): boolean => isOpen(record.state);
  // Once the device may have acted, a failing store must not tell the caller otherwise.
  const step = async (state: CommandState, more: Partial<CommandRecord>): Promise<void> => {
    record = { ...record, ...more, state };
    try {
      await history.save(record);
    } catch (error) {
      log.error(`could not record that command ${id} is ${state}: ${String(error)}`);
    }
  };

  const fail = (error: unknown, state: 'failed' | 'timed_out' = 'failed'): void => {
    if (!open()) return;
    cancelTimeout?.();
    span?.end(error instanceof RpcError ? error.code : 'failed');
    void step(state, { ended_at: now(), error: toErrorObject(error) }).then(() =>
      end.reject(error),
    );
  };
  const succeed = (answer: unknown): void => {
    const result = resultOf(id, answer, clock.now() - startedAt);
    cancelTimeout?.();
    span?.end();
    const { execution_time_ms = 0 } = result;
    void step('done', { ended_at: now(), execution_time_ms, result: answer }).then(() =>
      end.resolve(result),
    );
  };
  const timeOut = (): void =>
    fail(
      new RpcError(
        ErrorCode.CommunicationTimeout,
        `the device did not answer ${placeName(request.command)} within ${timeoutMs} ms`,
        { device_id: targetId, command_id: id, timeout_ms: timeoutMs },
      ),
      'timed_out',
    );

  const send = async (): Promise<void> => {
    await Promise.all([history.save(record), beforeSending?.()]);
    if (!open()) return;
    startedAt = clock.now();
    cancelTimeout = clock.after(timeoutMs, timeOut);
    const { command: method, arguments: params } = request;
    span = deps.startSpan?.(spanOf(id, request, traceparent));
    const place = span?.traceparent ?? traceparent;
    await link.deliver(
      targetId,
      {
        ...{ id, method, params },
        ...(request.critical && { critical: true }),
        ...(place !== undefined && { traceparent: place }),
      },
      timeoutMs,
      delivered,
    );
    // The answer may be here before the broker's word that the command left.
    if (record.state === 'queued') await step('sent', { sent_at: now() });
  };
  const delivered = (): void => {
    // It may come before the broker's word that the command left, and after the answer.
    if (record.state === 'queued') void step('sent', { sent_at: now() });
    if (record.state === 'sent') void step('delivered', { delivered_at: now() });
  };
  send().catch(fail);

  return {
    id,
    request,
    since,
    ended: end.promise,
    delivered,
    answer(outcome, place) {
      if (!open()) return false;
      if (place !== undefined) span?.link(place);
      if ('error' in outcome) fail(errorOfDevice(masked(outcome.error, request.sensitive)));
      else succeed(outcome.result);
      return true;
    },
    abort: (error) => fail(error),
  };
}

/** From handing it to the link until the device has answered. Arguments and results are not told: they hold secrets. */
function spanOf(id: string, { command, targetId }: CommandRequest, parent?: string): SpanStart {
  return {
    name: 'command to a device',
    kind: 'client',
    parent,
    attributes: {
      'rpc.system': 'jsonrpc',
      'rpc.method': command,
      'rpc.jsonrpc.version': '2.0',
      'rpc.jsonrpc.request_id': id,
      'llm_iot.device_id': targetId,
    },
  };
}
