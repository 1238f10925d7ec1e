import type { DeviceRegistry } from '../device/ports.ts';
import { sensitiveNamesOf } from '../device/sensitive.ts';
import type { JsonObject } from '../document.ts';
import { invalidParam, optionalString, optionalWord, requiredString } from '../params.ts';
import { comparePageKeys, cursorOf, pagingOf, type PageKey } from '../paging.ts';
import { narrowsDevices } from '../security/scope-rules.ts';
import { masked } from '../security/sensitive.ts';
import type { Principal } from '../security/types.ts';
import { markUntrusted } from '../untrusted.ts';
import type { CommandHistory } from './history.ts';
import { commandStates, type CommandRecord } from './types.ts';

/** A command as somebody may see it: no secrets, and of others' commands neither key nor, in a narrow scope, their words. */
export type ShownCommand = Omit<CommandRecord, 'waits' | 'sensitive' | 'issued_by' | 'before'> & {
  issued_by?: string;
  untrusted: string[];
};

/** Where there may be words of devices, or of whoever else gave the command. */
const foreign = [
  ...['arguments', 'result', 'error', 'late_answer', 'reading'],
  ...['reason', 'cancel_reason', 'agent'],
];

/** Looks up recorded commands for somebody; those of devices outside of a scope are not there. */
export interface CommandQueries {
  /** @throws RpcError -32602 for an id of no command */
  find(params: JsonObject, principal: Principal | undefined): CommandRecord;
  show(record: CommandRecord, principal: Principal | undefined): ShownCommand;
  /**
   * `{ device_id?, state?, limit?, cursor? }`, the newest first. @throws RpcError -32602, and -32000 for a device that is not
   * there
   */
  list(
    params: JsonObject,
    principal: Principal | undefined,
  ): { commands: ShownCommand[]; cursor?: string; untrusted: string[] };
}

const keyOf = ({ created_at, command_id }: CommandRecord): PageKey => ({
  time: created_at,
  id: command_id,
});

export function createCommandQueries(deps: {
  history: Pick<CommandHistory, 'get' | 'all'>;
  registry: DeviceRegistry;
}): CommandQueries {
  const { history, registry } = deps;

  const sees = (principal: Principal | undefined, record: CommandRecord): boolean =>
    !narrowsDevices(principal?.scope) || registry.canSee(principal, record.device_id);

  const show: CommandQueries['show'] = (record, principal) => {
    const target = registry.resolve(record.sensor_id ?? record.device_id);
    const holder = target?.sensor ?? target?.device;
    const names = new Set([
      ...(record.sensitive ?? []),
      ...(holder ? sensitiveNamesOf(holder) : []),
    ]);
    const { waits: _waits, sensitive: _names, before: _before, ...open } = record;
    const { issued_by, request_key, ...rest } = open;
    const isOwn = issued_by === (principal?.id ?? 'flow');
    const shown: Omit<ShownCommand, 'untrusted'> = {
      ...maskedAll(rest, names),
      ...((isOwn || !principal || principal.role === 'llm_admin') && { issued_by }),
      ...(isOwn && request_key !== undefined && { request_key }),
    };
    if (narrowsDevices(principal?.scope) && !isOwn) {
      // What was said to others, or by them, may tell of devices that this scope hides.
      delete shown.reason;
      delete shown.cancel_reason;
      if (shown.error) shown.error = { code: shown.error.code, message: shown.error.message };
    }
    return markUntrusted(shown, foreign);
  };

  return {
    find(params, principal) {
      const record = history.get(requiredString(params, 'command_id'));
      if (record && sees(principal, record)) return record;
      throw invalidParam(
        'command_id',
        'there is no command with this id; command.list tells those that are kept',
      );
    },
    show,
    list(params, principal) {
      const state = optionalWord(params, 'state', commandStates);
      const id = optionalString(params, 'device_id');
      const { limit, after } = pagingOf(params, { usual: 50, max: 500 });
      if (id !== undefined) registry.seenBy(principal).view(id);
      const found = [...history.all()]
        .filter(
          (record) =>
            (state === undefined || record.state === state) &&
            (id === undefined || record.device_id === id || record.sensor_id === id) &&
            (!after || comparePageKeys(keyOf(record), after) < 0) &&
            sees(principal, record),
        )
        .sort((a, b) => comparePageKeys(keyOf(b), keyOf(a)));
      const page = found.slice(0, limit);
      const last = page.at(-1);
      const commands = page.map((record) => {
        const { untrusted: _untrusted, ...shown } = show(record, principal);
        return shown as ShownCommand;
      });
      return markUntrusted(
        { commands, ...(last && found.length > limit && { cursor: cursorOf(keyOf(last)) }) },
        foreign.map((member) => `commands[].${member}`),
      );
    },
  };
}

/** A copy in which what a device marked as secret is masked wherever it may be. */
function maskedAll<T extends object>(record: T, names: ReadonlySet<string>): T {
  const copy = { ...record } as Record<string, unknown>;
  for (const member of ['arguments', 'result', 'error', 'late_answer'])
    if (copy[member] !== undefined) copy[member] = masked(copy[member], names);
  return copy as T;
}
