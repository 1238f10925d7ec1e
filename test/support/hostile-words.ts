import { isObject } from '../../nodes/core/document.ts';

/** What is wrong with where the words of devices stand in an answer. */
export interface Leak {
  path: string;
  why: string;
  text: string;
}

const mark = /zq\d+x/;
/** What no reader sees, and what hides instructions in a text. */
const unwanted = /[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\u2028\u2029]/u;
/** Members that are the hub's own sentences, or what a program carries out. */
const own = /(?:^|\.)(?:summary|reason|suggestions\[\]|fix|look_up|retry_after_ms)(?:$|\.)/;
const longestQuotation = 302;

/**
 * Every place in an answer where words of a device stand that must not be there: outside of what an `untrusted` above them
 * names; in a sentence of the hub's without quotation marks; or with anything in them that nobody sees.
 * @param answer a result, an error's `data`, or the params of a live update
 */
export function leaksIn(answer: unknown): Leak[] {
  const leaks: Leak[] = [];
  walk(answer, '', [], leaks);
  return leaks;
}

function walk(value: unknown, path: string, trusted: readonly string[], leaks: Leak[]): void {
  const leak = (why: string, text: string): void => {
    leaks.push({ path, why, text: text.slice(0, 120) });
  };
  if (typeof value === 'string') {
    if (unwanted.test(value)) leak('has what is not to be seen', JSON.stringify(value));
    if (!mark.test(value)) return;
    const isNamed = trusted.some((place) => covers(place, path));
    const isData = trusted.some((place) => !own.test(place) && covers(place, path));
    if (isData) return;
    if (own.test(path)) {
      const outside = value.replace(/"[^"]*"/g, (words) =>
        words.length > longestQuotation ? words : '',
      );
      if (mark.test(outside)) leak('is a sentence of the hub with words not quoted', value);
    } else if (!isNamed) leak('is not named in untrusted', value);
    return;
  }
  if (Array.isArray(value)) {
    for (const item of value) walk(item, `${path}[]`, trusted, leaks);
    return;
  }
  if (!isObject(value)) return;
  const named = value['untrusted'];
  const inside = Array.isArray(named)
    ? [...trusted, ...named.map((place) => joined(path, String(place)))]
    : trusted;
  for (const [key, member] of Object.entries(value)) {
    const at = joined(path, key);
    if (unwanted.test(key)) leak('has a key with what is not to be seen', key);
    if (mark.test(key) && !inside.some((place) => covers(place, path)))
      leak('has a key that is not named in untrusted', key);
    walk(member, mark.test(key) ? joined(path, '*') : at, inside, leaks);
  }
}

const joined = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

/** Whether a place named in `untrusted` is this one, or holds it. */
function covers(place: string, path: string): boolean {
  return path === place || path.startsWith(`${place}.`) || path.startsWith(`${place}[`);
}
