import floors from './words/floors.json' with { type: 'json' };
import grammar from './words/grammar.json' with { type: 'json' };
import kinds from './words/kinds.json' with { type: 'json' };
import measurements from './words/measurements.json' with { type: 'json' };
import numbers from './words/numbers.json' with { type: 'json' };
import rooms from './words/rooms.json' with { type: 'json' };
import { fold, spellOut, stemsOf, wordsOf } from './words.ts';

/**
 * What a word stands for: `m:` a measurement, `k:` a kind of device or a quality of one, `r:` a room, `f:` a floor,
 * `n:` a number, `g:` a word for any sensor, device, room and so on.
 */
export interface Meaning {
  concept: string;
  /** Whether the form is of several. */
  plural: boolean;
  languages: ReadonlySet<string>;
}

export type GrammarWord = 'all' | 'group' | 'except' | 'and' | 'or';

interface Entry {
  is?: string[];
  near?: string[];
  measures?: string[];
  floor?: string;
  thing?: boolean;
  [language: string]: string[] | string | boolean | undefined;
}

const languages = ['en', 'de', 'fr', 'es', 'it', 'nl'] as const;
/** Most words of one expression. */
export const longestExpression = 5;

const meanings = new Map<string, Meaning[]>();
const grammarWords = new Map<string, GrammarWord>();
const stopWords = new Map<string, Set<string>>();
const broader = new Map<string, string[]>();
const nearby = new Map<string, string[]>();
const measuring = new Map<string, string[]>();
const things = new Set<string>();

const spellings = (text: string): string[] => [
  ...new Set([wordsOf(text, fold).join(' '), wordsOf(text, spellOut).join(' ')]),
];

function define(form: string, concept: string, plural: boolean, language: string): void {
  for (const key of spellings(form)) {
    const list = meanings.get(key) ?? [];
    meanings.set(key, list);
    const before = list.find((meaning) => meaning.concept === concept);
    if (before) {
      before.plural &&= plural;
      (before.languages as Set<string>).add(language);
    } else list.push({ concept, plural, languages: new Set([language]) });
  }
}

function defineForms(forms: unknown, concept: string, language: string): void {
  for (const form of forms as string[]) {
    const [one = '', several] = form.split('|');
    define(one, concept, false, language);
    if (several !== undefined && several !== one) define(several, concept, true, language);
  }
}

function defineTable(table: Readonly<Record<string, Entry>>, prefix: string): void {
  for (const [name, entry] of Object.entries(table)) {
    const concept = `${prefix}:${name}`;
    for (const language of languages) defineForms(entry[language] ?? [], concept, language);
    const resolveNames = (names: readonly string[]): string[] =>
      names.map((other) => `${other in table ? prefix : 'm'}:${other}`);
    if (entry.is) broader.set(concept, resolveNames(entry.is));
    if (entry.near) nearby.set(concept, resolveNames(entry.near));
    if (entry.measures)
      measuring.set(
        concept,
        entry.measures.map((other) => `m:${other}`),
      );
    if (entry.floor !== undefined) broader.set(concept, [`f:${entry.floor}`]);
    if (entry.thing) things.add(concept);
  }
}

defineTable(measurements, 'm');
defineTable(kinds, 'k');
defineTable(rooms, 'r');
defineTable(floors, 'f');
for (const upper of ['1', '2', '3', '4', 'attic']) broader.set(`f:${upper}`, ['f:up']);
for (const [number, forms] of Object.entries(numbers))
  for (const form of forms) define(form, `n:${number}`, false, 'any');
for (const [name, forms] of Object.entries(grammar.generic)) defineForms(forms, `g:${name}`, 'any');
for (const word of ['all', 'group', 'except', 'and', 'or'] as const)
  for (const form of grammar[word])
    for (const key of form === '&' ? ['&'] : spellings(form)) grammarWords.set(key, word);
for (const [language, words] of Object.entries(grammar.stop))
  for (const word of words.split(' '))
    for (const key of spellings(word.replace(/-/g, ' '))) {
      const of = stopWords.get(key) ?? new Set();
      stopWords.set(key, of.add(language));
    }

/** What an expression of one or several folded words stands for. */
export const meaningsOf = (key: string): readonly Meaning[] => meanings.get(key) ?? [];

/** What a word stands for, its ending taken off if need be. */
export function meaningsOfWord(word: string): readonly Meaning[] {
  const known = meanings.get(word);
  if (known) return known;
  for (const { stem, languages: of } of stemsOf(word)) {
    const found = meaningsOf(stem).filter(
      (meaning) =>
        !isNumber(meaning) && (of.length === 0 || of.some((one) => meaning.languages.has(one))),
    );
    if (found.length > 0)
      return found.map((meaning) => ({
        ...meaning,
        plural: meaning.plural || word === `${stem}s`,
      }));
  }
  return [];
}

const isNumber = ({ concept }: Meaning): boolean => concept.startsWith('n:');

/** Whether a word, or words, say how the others belong together. */
export const grammarWordOf = (key: string): GrammarWord | undefined => grammarWords.get(key);

/** The languages in which an expression says nothing about what is meant. */
export const stopLanguagesOf = (key: string): ReadonlySet<string> | undefined => stopWords.get(key);

/** What a concept is a case of: a master bedroom is a bedroom. */
export const broaderOf = (concept: string): readonly string[] => broader.get(concept) ?? [];

/** What may be meant instead where nothing is of the concept itself: a child's room by a lad's. */
export const nearbyOf = (concept: string): readonly string[] => nearby.get(concept) ?? [];

/** What a kind of device is known by: a motion detector measures motion. */
export const measuringKinds: ReadonlyMap<string, readonly string[]> = measuring;

/** Whether a kind is a thing in a room with, say, a temperature of its own: a fridge. */
export const isThing = (concept: string): boolean => things.has(concept);

/** All single words of the lists, for what is nearly one of them. */
export function* lexiconWords(): Iterable<string> {
  for (const key of meanings.keys()) if (!key.includes(' ')) yield key;
  for (const key of grammarWords.keys()) if (!key.includes(' ')) yield key;
}
