import type { DeviceRegistry } from '../device/ports.ts';
import { invalidParam } from '../params.ts';
import type { Principal } from '../security/types.ts';
import type { Call } from './command-call.ts';
import type { CommandHistory } from './history.ts';
import { inverseOf } from './inverse.ts';
import { requireCommandInScope, requireCommandOfRole } from './permission.ts';
import type { CommandQueries } from './queries.ts';
import { declarationOf } from './request.ts';
import type { CommandRecord, ExecuteResult } from './types.ts';

/** Ends quietly if somebody may cancel or undo a command: who may give it. @throws RpcError -32005 */
export function requireMayCommand(
  registry: DeviceRegistry,
  record: CommandRecord,
  principal: Principal | undefined,
): void {
  const { command, arguments: args } = record;
  requireCommandInScope(principal, command, args);
  const target = registry.resolve(record.sensor_id ?? record.device_id);
  const declared = (target?.sensor ?? target?.device)?.commands ?? [];
  const declaration = declared.find(({ name }) => name === command);
  requireCommandOfRole(principal, command, declaration, declared);
}

/** `command.revert`: the inverse that a command declares, once, by the same checks as any command. */
export function createRevert(deps: {
  queries: CommandQueries;
  registry: DeviceRegistry;
  history: CommandHistory;
  run: (call: Call) => Promise<ExecuteResult>;
}): (call: Call) => Promise<ExecuteResult> {
  const { queries, registry, history, run } = deps;
  const reverting = new Set<string>();

  return async (call) => {
    const { params, principal } = call;
    const record = queries.find(params, principal);
    const { command_id: id, state, reverted_by } = record;
    if (state !== 'done' && state !== 'timed_out')
      throw invalidParam(
        'command_id',
        `only a command that was carried out, or may have been, can be undone; this one is ${state}`,
        { state },
      );
    const targetId = record.sensor_id ?? record.device_id;
    const target = registry.resolve(targetId) ?? { device: registry.get(targetId) };
    const inverse = inverseOf(declarationOf(target, record.command), record);
    const by = reverted_by === undefined ? undefined : history.get(reverted_by);
    const isUndone = by && !['failed', 'expired', 'cancelled'].includes(by.state);
    if (isUndone || reverting.has(id))
      throw invalidParam('command_id', 'this command has been undone already', {
        ...(by && { reverted_by: by.command_id, state: by.state }),
      });
    reverting.add(id);
    try {
      const { command_id: _id, ...rest } = params;
      return await run({
        ...call,
        params: { ...rest, device_id: targetId, ...inverse },
        reverts: id,
        async started(revertId) {
          const current = history.get(id) ?? record;
          await Promise.all([
            call.started(revertId),
            history.save({ ...current, reverted_by: revertId }),
          ]);
        },
      });
    } finally {
      reverting.delete(id);
    }
  };
}
