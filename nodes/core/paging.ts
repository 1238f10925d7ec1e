import type { JsonObject } from './document.ts';
import { invalidParam, optionalNumber, optionalString } from './params.ts';

/** One page of a sorted list; `cursor` asks for the next one and is absent on the last. */
export interface Page<T> {
  items: T[];
  cursor?: string;
}

/**
 * Position in a list sorted by time, then id. Both never change, so a page stays where it was while other
 * entries come and go, even the one the cursor names.
 */
export interface PageKey {
  time: string;
  id: string;
}

export function comparePageKeys(a: PageKey, b: PageKey): number {
  if (a.time !== b.time) return a.time < b.time ? -1 : 1;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

/** Reads `limit` and `cursor` of a listing's params. @throws RpcError -32602 */
export function pagingOf(
  params: JsonObject,
  limits: { usual: number; max: number },
): { limit: number; after: PageKey | undefined } {
  const limit = optionalNumber(params, 'limit', { min: 1, max: limits.max, integer: true });
  return { limit: limit ?? limits.usual, after: parseCursor(optionalString(params, 'cursor')) };
}

export function cursorOf(key: PageKey): string {
  return `${key.time}/${key.id}`;
}

function parseCursor(cursor: string | undefined): PageKey | undefined {
  if (cursor === undefined) return undefined;
  const slash = cursor.indexOf('/');
  if (slash < 1 || slash === cursor.length - 1)
    throw invalidParam('cursor', 'cursor must be one that an earlier answer gave', {
      fix: { remove: ['cursor'] },
    });
  return { time: cursor.slice(0, slash), id: cursor.slice(slash + 1) };
}

/** The first index whose key comes after `after` in an ascending list. */
export function indexAfter<T>(
  list: readonly T[],
  keyOf: (item: T) => PageKey,
  after: PageKey | undefined,
): number {
  if (!after) return 0;
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (comparePageKeys(keyOf(list[middle] as T), after) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Takes matching items from `start` on until the page is full. */
export function takePage<T>(
  list: readonly T[],
  start: number,
  limit: number,
  keyOf: (item: T) => PageKey,
  matches: (item: T) => boolean,
): Page<T> {
  const items: T[] = [];
  for (let index = start; index < list.length; index++) {
    const item = list[index] as T;
    if (!matches(item)) continue;
    if (items.length === limit) return { items, cursor: cursorOf(keyOf(items[limit - 1] as T)) };
    items.push(item);
  }
  return { items };
}
