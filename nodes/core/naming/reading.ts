import {
  grammarWordOf,
  longestExpression,
  meaningsOf,
  meaningsOfWord,
  stopLanguagesOf,
  type GrammarWord,
  type Meaning,
} from './lexicon.ts';
import { fold, plainNumber, spellOut, wordsOf } from './words.ts';

/** An expression of one or several words, as the word lists know it. */
export interface Unit {
  /** Folded, words with a space between. */
  said: string;
  /** The same with umlauts written out. */
  spelled: string;
  meanings: readonly Meaning[];
  grammar?: GrammarWord | undefined;
  /** In which languages it says nothing. */
  stop?: ReadonlySet<string> | undefined;
  /** The words of an expression, or of a compound, by themselves. */
  parts: Unit[];
}

const linking = ['', 's', 'n', 'en', 'es', 'e', 'er'];
const shortest = 3;

/** The units of a text, the longest expressions first. */
export function unitsOf(text: string): Unit[] {
  const folded = wordsOf(text, fold);
  const spelled = wordsOf(text, spellOut);
  const units: Unit[] = [];
  for (let at = 0; at < folded.length;) {
    const taken = expressionAt(folded, spelled, at);
    units.push(taken.unit);
    at += taken.length;
  }
  return units;
}

function expressionAt(
  folded: readonly string[],
  spelled: readonly string[],
  at: number,
): { unit: Unit; length: number } {
  for (let length = Math.min(longestExpression, folded.length - at); length > 1; length--) {
    const words = folded.slice(at, at + length);
    const said = words.join(' ');
    const meanings = meaningsOfExpression(words);
    const stop = stopLanguagesOf(said);
    const grammar = grammarWordOf(said);
    if (meanings.length > 0 || stop || grammar) {
      const parts = words.map((word, index) =>
        inLanguages(wordUnit(word, spelled[at + index] ?? word), meanings),
      );
      const written = spelled.slice(at, at + length).join(' ');
      return { unit: { said, spelled: written, meanings, stop, grammar, parts }, length };
    }
  }
  const word = folded[at] ?? '';
  return { unit: wordUnit(word, spelled[at] ?? word), length: 1 };
}

/** A word as part of an expression: what it means in another language does not count. */
function inLanguages(unit: Unit, whole: readonly Meaning[]): Unit {
  const languages = new Set(whole.flatMap((meaning) => [...meaning.languages]));
  const meanings = unit.meanings.filter(
    (meaning) =>
      languages.size === 0 ||
      [...meaning.languages].some((language) => language === 'any' || languages.has(language)),
  );
  return { ...unit, meanings };
}

function meaningsOfExpression(words: readonly string[]): readonly Meaning[] {
  const known = meaningsOf(words.join(' '));
  if (known.length > 0) return known;
  const last = words.at(-1) ?? '';
  const single = last.replace(/(?:en|s|n)$/, '');
  if (single !== last && single.length > 2) {
    const found = meaningsOf([...words.slice(0, -1), single].join(' '));
    if (found.length > 0) return found.map((meaning) => ({ ...meaning, plural: true }));
  }
  // "wasch maschine" is one word with a space in it.
  const [first = '', second = ''] = words;
  if (words.length === 2 && first.length > 2 && second.length > 2 && !stopLanguagesOf(first))
    return meaningsOf(first + second);
  return [];
}

function wordUnit(word: string, spelled: string): Unit {
  const number = plainNumber(word);
  if (number !== undefined)
    return {
      said: word,
      spelled: word,
      meanings: [{ concept: `n:${number}`, plural: false, languages: new Set(['any']) }],
      parts: [],
    };
  // With its umlauts a plural is told from a singular: "Rollläden".
  const written = spelled === word ? [] : meaningsOfWord(spelled);
  const meanings = written.length > 0 ? written : meaningsOfWord(word);
  return {
    said: word,
    spelled,
    meanings,
    grammar: grammarWordOf(word),
    stop: stopLanguagesOf(word),
    parts: meanings.length > 0 ? [] : compoundOf(word, isListed),
  };
}

const isListed = (word: string): boolean => meaningsOfWord(word).length > 0;

/**
 * The parts of a compound such as `kuchenlampe` or `woonkamertemperatuur`, the fewest that cover it; none if it is not
 * made of words that are known.
 */
export function compoundOf(word: string, isKnown: (word: string) => boolean): Unit[] {
  if (word.length < 7 || word.length > 40 || /\d/.test(word)) return [];
  return splitWords(word, isKnown, 4)?.map((part) => wordUnit(part, part)) ?? [];
}

function splitWords(
  word: string,
  isKnown: (word: string) => boolean,
  most: number,
): string[] | undefined {
  if (most === 0) return undefined;
  if (most < 4 && isKnown(word)) return [word];
  for (let cut = word.length - shortest; cut >= shortest; cut--) {
    const head = word.slice(0, cut);
    const stem = linking.find(
      (link) =>
        head.endsWith(link) &&
        head.length - link.length >= shortest &&
        isKnown(head.slice(0, head.length - link.length)),
    );
    if (stem === undefined) continue;
    const rest = splitWords(word.slice(cut), isKnown, most - 1);
    if (rest) return [head.slice(0, head.length - stem.length), ...rest];
  }
  return undefined;
}
