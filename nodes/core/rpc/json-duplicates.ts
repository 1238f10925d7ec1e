const token = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/g;
const longestShown = 128;

/**
 * The first key that stands twice in one object of a valid JSON text, or an empty string. Slow and
 * thorough: only for texts that are known to have one, to tell the caller which.
 */
export function findDuplicateKey(text: string): string {
  /** One entry per open bracket: the keys of an object so far, undefined for an array. */
  const open: (Set<string> | undefined)[] = [];
  let string = '';
  for (const [found] of text.matchAll(token)) {
    if (found === '{') open.push(new Set());
    else if (found === '[') open.push(undefined);
    else if (found === '}' || found === ']') open.pop();
    else if (found === ':') {
      const key = JSON.parse(string) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) return key.slice(0, longestShown);
      keys?.add(key);
    } else if (found !== ',') string = found;
  }
  return '';
}
