import { ErrorCode, RpcError, type ErrorObject } from '../rpc/errors.ts';
import { resultOf } from './device-answer.ts';
import { showResult } from './show.ts';
import type { CommandRecord, ExecuteResult } from './types.ts';

/** The time of a command that waited is over. */
export const expired = ({ device_id, command, expires_at }: CommandRecord): RpcError =>
  new RpcError(
    ErrorCode.CommunicationTimeout,
    `the device did not come back for ${command} before ${expires_at}; it was not sent`,
    { device_id, expires_at },
  );

/** Why a command cannot be cancelled any more, with what is known of it. */
export function notWaiting({
  command_id,
  device_id,
  state,
  created_at,
  sent_at,
  delivered_at,
  ended_at,
}: CommandRecord): RpcError {
  const known = {
    ...{ command_id, device_id, state, created_at },
    ...(sent_at !== undefined && { sent_at }),
    ...(delivered_at !== undefined && { delivered_at }),
    ...(ended_at !== undefined && { ended_at }),
  };
  if (ended_at !== undefined)
    return new RpcError(
      ErrorCode.InvalidParams,
      `the command has ended already: ${state}; what was done may be undone with command.revert`,
      { field: 'command_id', ...known },
    );
  return new RpcError(
    ErrorCode.DeviceBusy,
    'the command has been sent and cannot be cancelled; command.get tells how it ends',
    known,
  );
}

/** What the caller of a command would have been told, if it is known by its record. */
export function outcomeOf(
  record: CommandRecord | undefined,
): { result: ExecuteResult } | { error: ErrorObject } | undefined {
  if (!record) return undefined;
  const { command_id, state, error, result, expires_at } = record;
  if (state === 'queued')
    return {
      result: { status: 'queued', command_id, ...(expires_at !== undefined && { expires_at }) },
    };
  if (error) return { error };
  if (state !== 'done') return undefined;
  const answer = resultOf(command_id, result, record.execution_time_ms ?? 0);
  return { result: showResult(answer, new Set(record.sensitive)) };
}
