import { createCommandExecutor, type ExecutorDeps } from '../../nodes/core/command/executor.ts';
import type { CommandExecutor } from '../../nodes/core/command/ports.ts';
import type { DeviceLink } from '../../nodes/core/command/types.ts';
import type { AuditEntry } from '../../nodes/core/security/audit.ts';
import type { Principal } from '../../nodes/core/security/types.ts';
import type { Reading } from '../../nodes/core/telemetry/types.ts';
import { admin, createDomain, createMemoryLog, settled } from './domain.ts';

type Params = Record<string, unknown>;

export interface SentCommand {
  targetId: string;
  id: string;
  method: string;
  params: Params;
  traceparent?: string;
  delivered: () => void;
}

/** An executor over a registry in memory and a link whose devices answer when the test says so. */
export function createCommandRig(more: Partial<ExecutorDeps> = {}) {
  const domain = createDomain();
  const { registry, records, clock, ids } = domain;
  const log = createMemoryLog();
  const sent: SentCommand[] = [];
  const audited: (AuditEntry & { isAnswer: boolean })[] = [];
  const told: [id: string, state: string][] = [];
  const latest: Reading[] = [];
  /** What the link says of whether a device listens. */
  const link: { listens: boolean | undefined; fails: Error | undefined } = {
    listens: undefined,
    fails: undefined,
  };
  const deviceLink: DeviceLink = {
    deliver(targetId, command, _timeoutMs, onDelivered) {
      sent.push({ targetId, ...command, delivered: onDelivered ?? (() => undefined) });
      return link.fails ? Promise.reject(link.fails) : Promise.resolve();
    },
    listens: () => link.listens,
  };
  /** An executor as it is after a start of the hub, over what is stored. */
  const start = async (): Promise<CommandExecutor> => {
    const commands = createCommandExecutor({
      ...{ registry, records, clock, ids, log },
      link: () => deviceLink,
      latest: () => latest,
      onChange: ({ command_id, state }) => told.push([command_id, state]),
      recorder: {
        requireRoom: () => undefined,
        record(entry, isAnswer) {
          audited.push({ ...entry, isAnswer });
          return Promise.resolve();
        },
      },
      ...more,
    });
    await commands.load();
    return commands;
  };
  const rig = {
    ...domain,
    ...{ log, sent, audited, told, latest, link, start },
    stateOf: (id: unknown) => records.peek('command', String(id))?.['state'],
    /** The device answers a command it was sent. */
    reply: async (
      commands: CommandExecutor,
      index: number,
      outcome: object = { result: {} },
    ): Promise<void> => {
      const { targetId, id } = sent[index]!;
      commands.answer(targetId, { jsonrpc: '2.0', id, ...outcome });
      await settled();
    },
    comesBack: async (commands: CommandExecutor, deviceId: string): Promise<void> => {
      await registry.setStatus(deviceId, 'online');
      commands.wake(deviceId);
      clock.advance(1_000);
      await settled();
    },
    goesAway: (deviceId: string): Promise<void> => registry.setStatus(deviceId, 'offline'),
  };
  return rig;
}

export const writer: Principal = { id: 'writer', role: 'llm_write', means: 'key' };
export { admin };
