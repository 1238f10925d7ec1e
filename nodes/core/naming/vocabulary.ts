import { editDistance } from '../edit-distance.ts';
import { slipsIn } from './slips.ts';

/** Words that can be found by what is nearly their spelling. */
export interface Vocabulary {
  add(word: string): void;
  has(word: string): boolean;
  /** The words with the fewest wrong letters, if there are few enough, and how many. */
  nearest(word: string, accept: (word: string) => boolean): { words: string[]; distance: number };
}

/** A word in so many others is no help in finding them. */
const commonest = 4_000;

/** Words by their pairs of letters, so that a look at 100,000 of them is a look at a few hundred. */
export function createVocabulary(): Vocabulary {
  const known = new Set<string>();
  const byPair = new Map<string, string[]>();

  return {
    add(word) {
      if (known.has(word) || word.length > 40) return;
      known.add(word);
      if (word.length < 4 || /\d/.test(word)) return;
      for (const pair of pairsOf(word)) {
        const list = byPair.get(pair);
        if (list) list.push(word);
        else byPair.set(pair, [word]);
      }
    },
    has: (word) => known.has(word),
    nearest(word, accept) {
      const none = { words: [], distance: 0 };
      if (word.length < 4 || word.length > 40 || /\d/.test(word)) return none;
      const counts = new Map<string, number>();
      const lists = [...pairsOf(word)]
        .map((pair) => byPair.get(pair) ?? [])
        .sort((a, b) => a.length - b.length);
      let looked = 0;
      for (const list of lists) {
        if (looked > 0 && looked + list.length > commonest * 4) break;
        looked += list.length;
        for (const other of list)
          if (Math.abs(other.length - word.length) <= 3)
            counts.set(other, (counts.get(other) ?? 0) + 1);
      }
      let distance = slipsIn(word.length) + 1;
      let words: string[] = [];
      for (const [other, shared] of counts) {
        const bound = Math.min(distance, slipsIn(Math.max(word.length, other.length))) + 1;
        if (shared < word.length + 1 - 3 * (bound - 1) - 1) continue;
        // In a word of four letters only a swap is a slip: "lmap", not "lamb".
        if (word.length === 4 && other.length === 4 && !swapped(word, other)) continue;
        const found = editDistance(word, other, bound);
        if (found >= bound || found > distance || !accept(other)) continue;
        if (found < distance) words = [];
        distance = found;
        words.push(other);
      }
      return words.length > 0 ? { words, distance } : none;
    },
  };
}

function pairsOf(word: string): Set<string> {
  const padded = `^${word}$`;
  const pairs = new Set<string>();
  for (let at = 0; at + 1 < padded.length; at++) pairs.add(padded.slice(at, at + 2));
  return pairs;
}

/** Whether two words are of the same letters. */
const swapped = (a: string, b: string): boolean =>
  Array.from(a).sort().join('') === Array.from(b).sort().join('');
