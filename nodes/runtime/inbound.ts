import type { Clock } from '../core/clock.ts';
import type { Ledger } from '../core/telemetry/ledger.ts';
import type { InboundMessage, MqttLink } from '../core/topic/ports.ts';
import type { TopicBranch } from '../core/topic/types.ts';

export type InboundBranch = TopicBranch | 'any';
/** Takes a message and calls `settled` once when it has dealt with it. */
export type InboundListener = (message: InboundMessage, settled: (error?: Error) => void) => void;

/** A node that takes the messages of a branch. */
export interface InboundTaker {
  listener: InboundListener;
  /** Gives up what it has not brought to the store yet; those messages come in again. */
  takeBack?: () => InboundMessage[];
}

/** Hands what comes in over MQTT to the `mqtt-in` nodes of its branch. */
export interface Inbound {
  attach(branch: InboundBranch, taker: InboundTaker): () => void;
  /** How many nodes are attached to a branch (`any` counts for every branch). */
  attached(branch: InboundBranch): number;
  /** Nodes are being exchanged: telemetry waits, and what is on the wires comes in again afterwards. */
  pause(): void;
  resume(): void;
  close(): void;
}

const mostHeld = 100_000;

/**
 * A message is acknowledged when every node of its branch has settled it. While no node is there (during a deploy)
 * telemetry and announcements wait, unacknowledged; after `holdMs` they are refused, so that the sender keeps them.
 */
export function createInbound(deps: {
  link: MqttLink;
  clock: Clock;
  ledger: Ledger;
  holdMs: number;
}): Inbound {
  const { link, clock, ledger, holdMs } = deps;
  const takers = new Map<InboundBranch, Set<InboundTaker>>();
  /** Since when messages wait for a node, the longest waiting first. */
  const held = new Map<InboundMessage, number>();
  /** Who takes what, by branch; asked for with every message, and made anew when a node comes or goes. */
  const targetsOf = new Map<TopicBranch | undefined, readonly InboundTaker[]>();
  let paused = false;
  let cancelTimer: (() => void) | undefined;

  const takersOf = ({ parsed }: InboundMessage): readonly InboundTaker[] => {
    const branch = parsed?.branch;
    let targets = targetsOf.get(branch);
    if (!targets) {
      const own = branch === undefined ? [] : (takers.get(branch) ?? []);
      targets = [...own, ...(takers.get('any') ?? [])];
      targetsOf.set(branch, targets);
    }
    return targets;
  };

  const hand = (message: InboundMessage, targets: readonly InboundTaker[]): void => {
    const [only] = targets;
    if (only && targets.length === 1) {
      only.listener(message, (error) => message.settle(error));
      return;
    }
    let open = targets.length;
    let failure: Error | undefined;
    for (const { listener } of targets) {
      let settled = false;
      listener(message, (error) => {
        if (settled) return;
        settled = true;
        failure ??= error;
        open -= 1;
        if (open === 0) message.settle(failure);
      });
    }
  };

  const drop = (message: InboundMessage, cause: 'no_flow' | 'stopping', reason: string): void => {
    ledger.droppedMessage('mqtt', cause);
    message.settle(new Error(reason));
  };
  const dropOld = (): void => {
    const oldest = clock.elapsed() - holdMs;
    for (const [message, since] of held) {
      if (since > oldest) break;
      held.delete(message);
      drop(message, 'no_flow', 'no flow takes messages of this branch');
    }
    cancelTimer = held.size > 0 ? clock.after(holdMs, dropOld) : undefined;
  };
  const hold = (message: InboundMessage): void => {
    if (held.size >= mostHeld) {
      drop(message, 'no_flow', 'no flow takes messages of this branch');
      return;
    }
    held.set(message, clock.elapsed());
    cancelTimer ??= clock.after(holdMs, dropOld);
  };

  const mustNotBeLost = ({ parsed }: InboundMessage): boolean =>
    parsed?.branch === 'telemetry' || parsed?.branch === 'announce';
  const take = (message: InboundMessage): void => {
    const targets = takersOf(message);
    const waits = targets.length === 0 || (paused && message.parsed?.branch === 'telemetry');
    if (!waits) hand(message, targets);
    else if (mustNotBeLost(message)) hold(message);
    else message.settle();
  };
  /** Hands out what waits for no reason any more. */
  const release = (): void => {
    for (const [message, since] of [...held]) {
      held.delete(message);
      take(message);
      // It keeps its place in time if it still has to wait.
      if (held.has(message)) held.set(message, since);
    }
  };
  const detach = link.onMessage(take);

  return {
    attach(branch, taker) {
      const set = takers.get(branch) ?? new Set();
      takers.set(branch, set);
      set.add(taker);
      targetsOf.clear();
      release();
      return () => {
        set.delete(taker);
        targetsOf.clear();
        for (const message of taker.takeBack?.() ?? []) hold(message);
      };
    },
    attached: (branch) => (takers.get(branch)?.size ?? 0) + (takers.get('any')?.size ?? 0),
    pause() {
      paused = true;
      for (const taker of takers.get('telemetry') ?? [])
        for (const message of taker.takeBack?.() ?? []) hold(message);
    },
    resume() {
      paused = false;
      release();
    },
    close() {
      detach();
      cancelTimer?.();
      for (const message of held.keys()) drop(message, 'stopping', 'the hub is stopping');
      held.clear();
    },
  };
}
