import type { Clock } from '../clock.ts';
import type { JsonObject } from '../document.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { AuditEntry } from '../security/audit.ts';
import { masked } from '../security/sensitive.ts';
import type { Principal } from '../security/types.ts';
import type { CommandRequest } from './request.ts';
import type { CommandOrigin, CommandRecord, ExecuteResult } from './types.ts';

/** Port: where commands are told. */
export interface CommandRecorder {
  /** @throws RpcError -32006 while no command can go on record */
  requireRoom(): void;
  /**
   * Resolves when it is on disk, or could not be put there at the first try.
   * @param isAnswer whether the outcome is that of a call, which so needs no entry of its own when it was refused
   */
  record(entry: AuditEntry, isAnswer: boolean): Promise<void>;
}

/** A command somebody gives. */
export interface GivenCommand {
  params: JsonObject;
  principal: Principal | undefined;
  origin: CommandOrigin | undefined;
  /** Why, in the words of who gives it. */
  reason: string | undefined;
  /** Whether its outcome is that of a call; of one of a batch, or one that waited, it is not. */
  isAnswer: boolean;
}

/** Carries out one command; calls `onRead` with what was read once the command is one the principal may give. */
export type CarryOut = (onRead: (request: CommandRequest) => void) => Promise<ExecuteResult>;

/** Puts commands on record. */
export interface CommandsOnRecord {
  /**
   * Has a command carried out and puts on record who gave it, why, what came of it and how long it took, before the
   * caller is told. A command that cannot be read is none; one that is not allowed is on record without its arguments.
   */
  run(given: GivenCommand, carryOut: CarryOut): Promise<ExecuteResult>;
  /** A command that waited for its device, and never left. @param by who cancelled it, if somebody did */
  neverLeft(
    record: CommandRecord,
    why: unknown,
    by?: Pick<GivenCommand, 'principal' | 'origin' | 'reason'>,
  ): void;
}

export function createCommandsOnRecord(deps: {
  recorder: CommandRecorder | undefined;
  clock: Clock;
}): CommandsOnRecord {
  const { recorder, clock } = deps;
  if (!recorder)
    return { run: (_given, carryOut) => carryOut(() => undefined), neverLeft: () => undefined };

  return {
    async run({ params, principal, origin, reason, isAnswer }, carryOut) {
      recorder.requireRoom();
      const started = clock.elapsed();
      let read: CommandRequest | undefined;
      const tell = (
        end: Pick<AuditEntry, 'outcome' | 'code' | 'reason' | 'policy'>,
        more: JsonObject,
      ): Promise<void> =>
        recorder.record(
          {
            action: 'command',
            ...end,
            ...(read ? subjectOf(read) : askedFor(params)),
            ...byWhom(principal, origin),
            duration_ms: Math.round(clock.elapsed() - started),
            details: {
              ...(read && detailsOf(read)),
              ...(reason !== undefined && { reason }),
              ...(origin?.agent !== undefined && { agent: origin.agent }),
              ...more,
            },
          },
          isAnswer,
        );
      try {
        const answer = await carryOut((request) => (read = request));
        const { untrusted: _untrusted, execution_time_ms: _time, status, ...more } = answer;
        await tell({ outcome: 'ok' }, { ...(status === 'queued' && { state: status }), ...more });
        return answer;
      } catch (error) {
        const isRefused =
          error instanceof RpcError &&
          (error.code === ErrorCode.Unauthorized || error.code === ErrorCode.ResourceExhausted);
        if (read || isRefused)
          await tell({ outcome: isRefused ? 'refused' : 'failed', ...whyOf(error) }, {});
        throw error;
      }
    },
    neverLeft(record, why, by) {
      const { command_id, command, device_id, sensor_id, arguments: args, waits, agent } = record;
      void recorder.record(
        {
          ...{ action: 'command', outcome: by ? 'ok' : 'failed', subject: command, device_id },
          ...(by ? byWhom(by.principal, by.origin) : byWhom(waits?.principal, waits?.origin)),
          ...(by ? {} : whyOf(why)),
          details: {
            ...(sensor_id !== undefined && { sensor_id }),
            arguments: masked(args, new Set(record.sensitive)),
            ...{ command_id, state: record.state },
            ...(record.reason !== undefined && { reason: record.reason }),
            ...(agent !== undefined && { agent }),
            ...(by?.reason !== undefined && { cancel_reason: by.reason }),
          },
        },
        false,
      );
    },
  };
}

/** Who gives a command and from where; without a principal it is the flow itself. */
function byWhom(
  principal: Principal | undefined,
  origin: CommandOrigin | undefined,
): Pick<AuditEntry, 'principal' | 'transport' | 'address'> {
  const transport = origin?.transport ?? (principal ? undefined : 'flow');
  return {
    ...(principal && { principal }),
    ...(transport !== undefined && { transport }),
    ...(origin?.address !== undefined && { address: origin.address }),
  };
}

function whyOf(error: unknown): Pick<AuditEntry, 'code' | 'reason' | 'policy'> {
  if (!(error instanceof RpcError)) return { code: ErrorCode.InternalError, reason: String(error) };
  const { code, reason, details } = error;
  const { policy } = details;
  return { code, reason, ...(typeof policy === 'string' && { policy }) };
}

const subjectOf = ({
  command,
  target,
}: CommandRequest): Pick<AuditEntry, 'subject' | 'device_id'> => ({
  subject: command,
  device_id: target.device.device_id,
});

function detailsOf({ target, arguments: args, sensitive }: CommandRequest): JsonObject {
  const { sensor } = target;
  return {
    ...(sensor && { sensor_id: sensor.sensor_id }),
    arguments: masked(args, sensitive),
  };
}

/** What the caller wrote, where it could not be read further. */
function askedFor({
  command,
  device_id: id,
}: JsonObject): Pick<AuditEntry, 'subject' | 'device_id'> {
  return {
    subject: typeof command === 'string' ? command : 'a command',
    ...(typeof id === 'string' && { device_id: id }),
  };
}
