import { openSessions, type Sessions } from '../../nodes/adapters/mqtt/aedes-sessions.ts';
import { defaultBrokerLimits, type BrokerLimits } from '../../nodes/adapters/mqtt/limits.ts';

/** What the broker keeps for its clients, without the broker. */
export function memoryOfSessions(options: {
  file?: string | undefined;
  limits?: Partial<BrokerLimits>;
  onCommit?: (changes: number) => void;
  log?: (text: string) => void;
}): Promise<Sessions> {
  const { file, limits, onCommit, log = () => undefined } = options;
  return openSessions({
    file:
      file === undefined
        ? undefined
        : { path: file, isCurrent: () => true, ...(onCommit && { onCommit }) },
    limits: { ...defaultBrokerLimits, ...limits },
    audience: { kept: () => undefined, released: () => undefined },
    mayKeep: () => true,
    channel: () => ({ identify: (message) => message, forward: () => undefined }),
    log: { info: log, warn: log, error: log },
  });
}
