import type { Principal } from '../../../core/security/types.ts';
import type { WriteBehind } from '../../storage/mqtt-sessions/write-behind.ts';
import { toColumns, type Message } from './messages.ts';

/** The will of a client whose connection ended when an earlier process of the broker did. */
export interface LeftWill {
  clientId: string;
  principal: Principal;
  message: Message;
  delaySeconds: number;
  /** Milliseconds since the epoch. */
  due: number;
}

/** Publishes the wills that an earlier process left. */
export interface LeftWills {
  /** From now on they are published when they are due. */
  start: (publish: (will: LeftWill) => Promise<void>) => void;
  /**
   * A client connects. Its will is published first if it was due before, or if the session ends with that; else it
   * is not published any more.
   */
  connecting(clientId: string, continues: boolean): Promise<void>;
  /** Forgets the wills of a principal. */
  endAll(principalId: string): void;
  /** Puts everything again, into a new file. */
  rewrite(): void;
  stop(): void;
}

const longestWaitMs = 3_600_000;

/** @param graceMs how long after `start` the first are published, so that who listens can be there */
export function createLeftWills(
  left: readonly LeftWill[],
  changes: WriteBehind,
  now: () => number,
  graceMs: number,
): LeftWills {
  const wills = new Map(left.map((will) => [will.clientId, will]));
  let publish: ((will: LeftWill) => Promise<void>) | undefined;
  let timer: NodeJS.Timeout | undefined;

  const sending = new Map<string, Promise<void>>();

  const forget = ({ clientId }: LeftWill): void => {
    wills.delete(clientId);
    changes.remove('wills', { client_id: clientId });
  };
  const send = (will: LeftWill): Promise<void> => {
    const { clientId } = will;
    const sent = (publish?.(will) ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        sending.delete(clientId);
        // On disk until now: a will may come twice, but not never.
        forget(will);
      });
    wills.delete(clientId);
    sending.set(clientId, sent);
    return sent;
  };
  const arm = (wait: number): void => {
    if (wills.size > 0) timer = setTimeout(sendDue, wait).unref();
  };
  const sendDue = (): void => {
    for (const will of wills.values()) if (will.due <= now()) void send(will);
    const next = Math.min(...[...wills.values()].map(({ due }) => due));
    arm(Math.min(Math.max(next - now(), 1), longestWaitMs));
  };

  return {
    start(publishWill) {
      publish = publishWill;
      arm(graceMs);
    },
    async connecting(clientId, continues) {
      await sending.get(clientId);
      const will = wills.get(clientId);
      if (!will) return;
      if (continues && will.due > now()) forget(will);
      else await send(will);
    },
    endAll(principalId) {
      for (const will of wills.values()) if (will.principal.id === principalId) forget(will);
    },
    rewrite() {
      for (const { clientId, principal, message, delaySeconds } of wills.values()) {
        changes.put('wills', {
          ...{ client_id: clientId, principal: JSON.stringify(principal) },
          delay_seconds: delaySeconds,
          ...toColumns(message),
        });
      }
    },
    stop: () => clearTimeout(timer),
  };
}
