import type { PolicyRule } from './policy.ts';
import { isFor, valuesOf, type CommandState, type Order } from './policy-rules.ts';

const window = 60_000;
/** Values of one argument within a minute; more changes than that are not let through. */
const mostValues = 1_000;
/** Arguments that are remembered, over all devices and commands; those not sent for longest go. */
const mostKeys = 100_000;

/** A command that was sent. */
export interface SentCommand extends CommandState {
  targetId: string;
  id: string;
}

/** What rules have to know of earlier commands; it holds nothing that no rule asks about. */
export interface CommandMemory {
  /** Takes up other rules. @param sent what was sent before, the oldest first */
  watch(rules: readonly PolicyRule[], sent: Iterable<[Order, SentCommand]>): void;
  sent(order: Order, command: SentCommand): void;
  /** The device said that it did it. */
  done(targetId: string, id: string): void;
  /** Values of an argument in effect within the minute before `now`, whether or not the device took them. */
  valuesInEffect(order: Order, rule: PolicyRule, now: number): number[];
  newestOf(targetId: string, commands: readonly string[]): CommandState | undefined;
  /** Whether another value would be more than can be remembered. */
  isFull(order: Order, rule: PolicyRule, now: number): boolean;
}

interface Valued {
  value: number;
  at: number;
}

export function createCommandMemory(): CommandMemory {
  let rated: PolicyRule[] = [];
  /** Commands that interlocks ask about, by device. */
  let asked = new Map<string, Set<string>>();
  let values = new Map<string, Valued[]>();
  let states = new Map<string, SentCommand & { turn: number }>();
  let turn = 0;

  const keyOf = (targetId: string, command: string, argument = ''): string =>
    JSON.stringify([targetId, command, argument]);
  const noteValues = (order: Order, at: number): void => {
    const names = rated.filter((rule) => isFor(rule, order)).map(({ rate }) => rate?.argument);
    for (const argument of new Set(names)) {
      if (argument === undefined) continue;
      const numbers = valuesOf(order.arguments, argument).filter(
        (value) => typeof value === 'number',
      );
      if (numbers.length === 0) continue;
      const key = keyOf(order.targetId, order.command, argument);
      const list = recent(values.get(key) ?? [], at);
      list.push(...numbers.map((value) => ({ value, at })));
      values.delete(key);
      values.set(key, list.slice(-mostValues));
      for (const oldest of values.keys()) {
        if (values.size <= mostKeys) break;
        values.delete(oldest);
      }
    }
  };

  const memory: CommandMemory = {
    watch(rules, before) {
      rated = rules.filter(({ rate }) => rate);
      asked = new Map();
      values = new Map();
      states = new Map();
      for (const { interlock: lock } of rules) {
        if (!lock || 'measurement_type' in lock) continue;
        const names = asked.get(lock.device_id) ?? new Set();
        for (const name of [lock.command, ...(lock.undone_by ?? [])]) names.add(name);
        asked.set(lock.device_id, names);
      }
      for (const [order, command] of before) memory.sent(order, command);
    },
    sent(order, command) {
      noteValues(order, command.at);
      if (asked.get(order.targetId)?.has(order.command))
        states.set(keyOf(order.targetId, order.command), { ...command, turn: turn++ });
    },
    done(targetId, id) {
      for (const name of asked.get(targetId) ?? []) {
        const key = keyOf(targetId, name);
        const state = states.get(key);
        if (state?.id === id) states.set(key, { ...state, done: true });
      }
    },
    valuesInEffect({ targetId, command }, { rate }, now) {
      const list = values.get(keyOf(targetId, command, rate?.argument)) ?? [];
      return recent(list, now).map(({ value }) => value);
    },
    newestOf(targetId, commands) {
      return commands
        .flatMap((name) => states.get(keyOf(targetId, name)) ?? [])
        .sort((a, b) => b.turn - a.turn)[0];
    },
    isFull({ targetId, command }, { rate }, now) {
      const list = values.get(keyOf(targetId, command, rate?.argument)) ?? [];
      return recent(list, now).length >= mostValues;
    },
  };
  return memory;
}

/** The values since a minute ago, and those that were in effect then: the last ones set before. */
function recent(list: readonly Valued[], now: number): Valued[] {
  const first = list.findIndex(({ at }) => at > now - window);
  const end = first < 0 ? list.length : first;
  const before = list[end - 1];
  const start = before ? list.findIndex(({ at }) => at === before.at) : 0;
  return list.slice(Math.max(0, start));
}
