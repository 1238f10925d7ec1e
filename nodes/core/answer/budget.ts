import { jsonSize, type JsonObject } from '../document.ts';
import { optionalNumber, optionalWord } from '../params.ts';

export const detailWords = ['concise', 'full'] as const;
export type Detail = (typeof detailWords)[number];

/** How large an answer may be, and how much of everything it should say. */
export interface Budget {
  /** UTF-8 bytes of the answer as JSON. */
  maxBytes: number;
  detail: Detail;
}

/** What an answer leaves out, and how to get it. */
export interface Truncated {
  /** `max_bytes`: the answer would have been larger; `limit`: there are more than one answer may list. */
  reason: 'max_bytes' | 'limit';
  shown: number;
  total: number;
  /** Asks for what comes next. */
  cursor?: string;
}

/** Bytes of an answer to a model unless it asks for more, the least and the most it may ask for. */
export const budgetLimits = { usual: 8_192, min: 1_024, max: 100_000 };

/** Reads `max_bytes` and `detail`. @throws RpcError -32602 */
export function budgetOf(params: JsonObject, usual = budgetLimits.usual): Budget {
  const { min, max } = budgetLimits;
  return {
    maxBytes: optionalNumber(params, 'max_bytes', { min, max, integer: true }) ?? usual,
    detail: optionalWord(params, 'detail', detailWords) ?? 'concise',
  };
}

/**
 * The answer with as many items of a list, from its start, as fit into `maxBytes`. An answer that leaves something out
 * says so.
 * @param list.total how many there are, where `items` is not all of it
 * @param list.cursorOf asks for what comes after this item; the index is -1 when none is shown
 * @param list.answer the whole answer with these items; must fit with none of them
 */
export function fitBudget<T, A extends object>(list: {
  items: readonly T[];
  total?: number;
  maxBytes: number;
  cursorOf?: (last: T | undefined, index: number) => string | undefined;
  answer: (shown: T[], truncated: Truncated | undefined) => A;
}): A {
  const { items, total = items.length, maxBytes, cursorOf, answer } = list;
  const build = (shown: number, reason: Truncated['reason']): A => {
    if (shown === total) return answer(items.slice(0, shown), undefined);
    const cursor = cursorOf?.(items[shown - 1], shown - 1);
    const truncated = { reason, shown, total, ...(cursor !== undefined && { cursor }) };
    return answer(items.slice(0, shown), truncated);
  };
  const whole = build(items.length, 'limit');
  if (jsonSize(whole) <= maxBytes) return whole;
  // By the size of each item first, then by looking at the answer itself.
  let room = maxBytes - jsonSize(build(0, 'max_bytes'));
  let shown = 0;
  for (const item of items) {
    room -= jsonSize(item) + 1;
    if (room < 0) break;
    shown += 1;
  }
  let fitting = build(shown, 'max_bytes');
  while (shown > 0 && jsonSize(fitting) > maxBytes) fitting = build(--shown, 'max_bytes');
  return fitting;
}
