import type { Clock } from '../clock.ts';
import type { JsonObject } from '../document.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { AuditEntry } from '../security/audit.ts';
import { masked } from '../security/sensitive.ts';
import type { Principal } from '../security/types.ts';
import type { CommandRequest } from './request.ts';
import type { ExecuteResult } from './types.ts';

/** Port: where commands are told. */
export interface CommandRecorder {
  /** @throws RpcError -32006 while no command can go on record */
  requireRoom(): void;
  /** Resolves when it is on disk, or could not be put there at the first try. */
  record(entry: AuditEntry): Promise<void>;
}

/** Carries out one command; calls `onRead` with what was read once the command is one the principal may give. */
export type CarryOut = (onRead: (request: CommandRequest) => void) => Promise<ExecuteResult>;

/**
 * Has a command carried out and puts on record who gave it, what came of it and how long it took, before the caller
 * is told. A command that cannot be read is none; one that is not allowed is on record without its arguments.
 */
export function createCommandsOnRecord(deps: {
  recorder: CommandRecorder | undefined;
  clock: Clock;
}): (
  params: JsonObject,
  principal: Principal | undefined,
  carryOut: CarryOut,
) => Promise<ExecuteResult> {
  const { recorder, clock } = deps;
  if (!recorder) return (_params, _principal, carryOut) => carryOut(() => undefined);

  return async (params, principal, carryOut) => {
    recorder.requireRoom();
    const started = clock.elapsed();
    let read: CommandRequest | undefined;
    const tell = (
      end: Pick<AuditEntry, 'outcome' | 'code' | 'reason' | 'policy'>,
      more: JsonObject,
    ): Promise<void> =>
      recorder.record({
        action: 'command',
        ...end,
        ...(read ? subjectOf(read) : askedFor(params)),
        ...(principal ? { principal } : { transport: 'flow' }),
        duration_ms: Math.round(clock.elapsed() - started),
        details: { ...(read && detailsOf(read)), ...more },
      });
    try {
      const answer = await carryOut((request) => (read = request));
      const { command_id, result, applied_config } = answer;
      await tell({ outcome: 'ok' }, { command_id, result, applied_config });
      return answer;
    } catch (error) {
      const isRefused =
        error instanceof RpcError &&
        (error.code === ErrorCode.Unauthorized || error.code === ErrorCode.ResourceExhausted);
      if (read || isRefused)
        await tell({ outcome: isRefused ? 'refused' : 'failed', ...whyOf(error) }, {});
      throw error;
    }
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
