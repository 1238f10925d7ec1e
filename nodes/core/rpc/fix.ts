/**
 * A change to a call after which it can succeed, for a program to carry out without understanding. Places are those
 * of `field`, such as `time_range.start` or `channels[0]`, in the params; of a request that is not JSON-RPC (-32600)
 * in the request. All that is there applies, in this order.
 */
export interface Fix {
  /** Call this method instead. */
  method?: string;
  /** Members that have another name: from place to place. */
  rename?: Record<string, string>;
  /** Values to put at a place, whatever is there now. */
  set?: Record<string, unknown>;
  /** Members to leave out. */
  remove?: string[];
  /** Make several calls, with this many members of a list each; without `field` the list is the batch of requests. */
  split?: { field?: string; at_most: number };
}

/** A call whose answer has the value that is asked for. */
export interface LookUp {
  method: string;
  /** Where in its result, `[]` standing for every element. */
  take: string;
}

const mostChanges = 20;
const largestValue = 500;

/** Whether a value is small enough to be sent back in an error. */
export function isSmall(value: unknown): boolean {
  try {
    const text = JSON.stringify(value) as string | undefined;
    return text !== undefined && text.length <= largestValue;
  } catch {
    return false;
  }
}

/** Several changes as one; what comes first counts. A place that gets its value by `rename` is not set as well. */
export function mergeFixes(fixes: readonly (Fix | undefined)[]): Fix | undefined {
  const merged: Fix = {};
  for (const fix of fixes) {
    if (!fix) continue;
    if (fix.method !== undefined) merged.method ??= fix.method;
    if (fix.split) merged.split ??= fix.split;
    if (fix.rename) merged.rename = { ...fix.rename, ...merged.rename };
    if (fix.set) merged.set = { ...fix.set, ...merged.set };
    if (fix.remove) merged.remove = [...new Set([...(merged.remove ?? []), ...fix.remove])];
  }
  const renamed = Object.entries(merged.rename ?? {});
  const kept = Object.entries(merged.set ?? {}).filter(
    ([place]) => !renamed.some(([, to]) => to === place),
  );
  const removed = (merged.remove ?? []).filter(
    (place) => !renamed.some(([from]) => from === place),
  );
  const result: Fix = {
    ...(merged.method !== undefined && { method: merged.method }),
    ...(renamed.length > 0 && { rename: Object.fromEntries(renamed.slice(0, mostChanges)) }),
    ...(kept.length > 0 && { set: Object.fromEntries(kept.slice(0, mostChanges)) }),
    ...(removed.length > 0 && { remove: removed.slice(0, mostChanges) }),
    ...(merged.split && { split: merged.split }),
  };
  return Object.keys(result).length > 0 ? result : undefined;
}

/** The same change one level further down. */
export function fixWithin(at: string, fix: Fix | undefined): Fix | undefined {
  if (!fix || at === '') return fix;
  const under = (place: string): string =>
    place === '' ? at : place.startsWith('[') ? `${at}${place}` : `${at}.${place}`;
  const { rename, set, remove, split } = fix;
  return {
    ...fix,
    ...(rename && {
      rename: Object.fromEntries(Object.entries(rename).map(([a, b]) => [under(a), under(b)])),
    }),
    ...(set && { set: Object.fromEntries(Object.entries(set).map(([a, b]) => [under(a), b])) }),
    ...(remove && { remove: remove.map(under) }),
    ...(split && { split: { ...split, field: under(split.field ?? '') } }),
  };
}
