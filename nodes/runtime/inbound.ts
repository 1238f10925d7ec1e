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

  const listenersOf = (message: InboundMessage): InboundListener[] => [
    ...(message.parsed ? (listeners.get(message.parsed.branch) ?? []) : []),
    ...(listeners.get('any') ?? []),
  ];

  const hand = (message: InboundMessage, targets: InboundListener[]): void => {
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
      for (const [message, cancel] of [...held]) {
        if (branch !== 'any' && message.parsed?.branch !== branch) continue;
        held.delete(message);
        cancel();
        hand(message, [listener]);
      }
      return () => {
        set.delete(listener);
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
