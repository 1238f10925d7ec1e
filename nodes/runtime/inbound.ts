import type { Clock } from '../core/clock.ts';
import type { InboundMessage, MqttLink } from '../core/topic/ports.ts';
import type { TopicBranch } from '../core/topic/types.ts';

export type InboundBranch = TopicBranch | 'any';
/** Takes a message and calls `settled` once when it has dealt with it. */
export type InboundListener = (message: InboundMessage, settled: (error?: Error) => void) => void;

/** Hands what comes in over MQTT to the `mqtt-in` nodes of its branch. */
export interface Inbound {
  attach(branch: InboundBranch, listener: InboundListener): () => void;
  /** How many nodes are attached to a branch (`any` counts for every branch). */
  attached(branch: InboundBranch): number;
  close(): void;
}

const mostHeld = 10_000;

/**
 * A message is acknowledged when every node of its branch has settled it. While no node is there (during a
 * deploy) telemetry and announcements wait, unacknowledged; after `holdMs` they are refused, so that the sender keeps them.
 */
export function createInbound(link: MqttLink, clock: Clock, holdMs: number): Inbound {
  const listeners = new Map<InboundBranch, Set<InboundListener>>();
  const held = new Map<InboundMessage, () => void>();
  /** Who takes what, by branch; asked for with every message, and made anew when a node comes or goes. */
  const targetsOf = new Map<TopicBranch | undefined, readonly InboundListener[]>();

  const listenersOf = ({ parsed }: InboundMessage): readonly InboundListener[] => {
    const branch = parsed?.branch;
    let targets = targetsOf.get(branch);
    if (!targets) {
      const own = branch === undefined ? [] : (listeners.get(branch) ?? []);
      targets = [...own, ...(listeners.get('any') ?? [])];
      targetsOf.set(branch, targets);
    }
    return targets;
  };

  const hand = (message: InboundMessage, targets: readonly InboundListener[]): void => {
    const [only] = targets;
    if (only && targets.length === 1) {
      only(message, (error) => message.settle(error));
      return;
    }
    let open = targets.length;
    let failure: Error | undefined;
    for (const target of targets) {
      let settled = false;
      target(message, (error) => {
        if (settled) return;
        settled = true;
        failure ??= error;
        open -= 1;
        if (open === 0) message.settle(failure);
      });
    }
  };

  const hold = (message: InboundMessage): void => {
    if (held.size >= mostHeld) {
      message.settle(new Error('no flow takes messages of this branch'));
      return;
    }
    const cancel = clock.after(holdMs, () => {
      held.delete(message);
      message.settle(new Error('no flow takes messages of this branch'));
    });
    held.set(message, cancel);
  };

  const mustNotBeLost = (message: InboundMessage): boolean =>
    message.parsed?.branch === 'telemetry' || message.parsed?.branch === 'announce';

  const detach = link.onMessage((message) => {
    const targets = listenersOf(message);
    if (targets.length > 0) hand(message, targets);
    else if (mustNotBeLost(message)) hold(message);
    else message.settle();
  });

  return {
    attach(branch, listener) {
      const set = listeners.get(branch) ?? new Set();
      listeners.set(branch, set);
      set.add(listener);
      targetsOf.clear();
      for (const [message, cancel] of [...held]) {
        if (branch !== 'any' && message.parsed?.branch !== branch) continue;
        held.delete(message);
        cancel();
        hand(message, [listener]);
      }
      return () => {
        set.delete(listener);
        targetsOf.clear();
      };
    },
    attached: (branch) => (listeners.get(branch)?.size ?? 0) + (listeners.get('any')?.size ?? 0),
    close() {
      detach();
      for (const [message, cancel] of held) {
        cancel();
        message.settle(new Error('the hub is stopping'));
      }
      held.clear();
    },
  };
}
