import { jsonSize } from '../document.ts';
import type { Log } from '../log.ts';
import type { RecordStore } from '../records.ts';
import { createSerially } from '../serial.ts';
import type { CommandRecord, CommandState } from './types.ts';

const largestKept = 4 * 1_024;

/** The newest commands, in memory and stored. */
export interface CommandHistory {
  /**
   * Reads what is stored; commands that a stop of the hub cut off are marked as failed, those that wait for their device
   * wait on. @param now ISO 8601
   */
  load(now: string): Promise<void>;
  get(commandId: string): CommandRecord | undefined;
  /** The oldest first. */
  all(): Iterable<CommandRecord>;
  /** Stores a command as it stands now, after whatever was stored of it before. */
  save(record: CommandRecord): Promise<void>;
  size(): number;
}

/** States of a command that has not ended. */
export const isOpen = (state: CommandState): boolean =>
  state === 'queued' || state === 'sent' || state === 'delivered';

/**
 * @param keep how many commands are kept; the oldest go, but none that waits for its device
 * @param onChange told of each new command and each change of a state
 */
export function createCommandHistory(deps: {
  records: RecordStore;
  log: Log;
  keep: number;
  onChange?: (record: CommandRecord) => void;
}): CommandHistory {
  const { records, log, keep, onChange } = deps;
  const kept = new Map<string, CommandRecord>();
  const serially = createSerially();

  const trim = (): void => {
    if (kept.size <= keep) return;
    for (const [id, { waits }] of kept) {
      if (waits) continue;
      kept.delete(id);
      serially(id, () => records.remove('command', id)).catch((error: unknown) =>
        log.warn(`could not remove an old command record: ${String(error)}`),
      );
      if (kept.size <= keep) return;
    }
  };
  const save = (record: CommandRecord): Promise<void> => {
    const stored = bounded(record);
    const before = kept.get(record.command_id)?.state;
    kept.set(record.command_id, stored);
    trim();
    if (before !== record.state) onChange?.(stored);
    return serially(record.command_id, () => records.put('command', record.command_id, stored));
  };

  return {
    async load(now) {
      const stored = await records.all<CommandRecord>('command');
      stored.sort((a, b) => (a.created_at < b.created_at ? -1 : 1));
      for (const record of stored) kept.set(record.command_id, record);
      trim();
      const cutOff = [...kept.values()].filter(({ state, waits }) => isOpen(state) && !waits);
      await Promise.all(cutOff.map((record) => save(stoppedWith(record, now))));
    },
    get: (commandId) => kept.get(commandId),
    all: () => kept.values(),
    save,
    size: () => kept.size,
  };
}

/** The record of a command that was under way when the hub stopped. @param now ISO 8601 */
function stoppedWith(record: CommandRecord, now: string): CommandRecord {
  const error = {
    code: -32603,
    message: 'Internal error',
    data: { reason: 'the hub stopped before the device answered' },
  };
  return { ...record, state: 'failed', ended_at: now, error };
}

/** Large arguments and results reach whom they are for; the record notes their size alone. */
function bounded(record: CommandRecord): CommandRecord {
  const copy = { ...record };
  // What waits is sent later as it is here.
  if (!copy.waits && jsonSize(copy.arguments) > largestKept) copy.arguments = note(copy.arguments);
  if (copy.before !== undefined && jsonSize(copy.before) > largestKept) delete copy.before;
  if (copy.result !== undefined && jsonSize(copy.result) > largestKept)
    copy.result = note(copy.result);
  if (copy.late_answer !== undefined && jsonSize(copy.late_answer) > largestKept)
    copy.late_answer = note(copy.late_answer);
  if (copy.error !== undefined && jsonSize(copy.error) > largestKept)
    copy.error = { ...copy.error, data: note(copy.error.data) };
  return copy;
}

function note(value: unknown): { not_kept: true; bytes: number } {
  return { not_kept: true, bytes: jsonSize(value) };
}
