import type { NameIndex } from './index.ts';
import {
  grammarWordOf,
  lexiconWords,
  meaningsOfWord,
  nearbyOf,
  stopLanguagesOf,
} from './lexicon.ts';
import { compoundOf, unitsOf, type Unit } from './reading.ts';
import { isPlaceWord, numberOf } from './terms.ts';
import { fold, spellOut, stemOf } from './words.ts';
import { createVocabulary } from './vocabulary.ts';

/** One thing a phrase asks for. */
export interface Term {
  said: string;
  /** What it may be, and how surely, of 100. */
  alternatives: readonly { term: string; sureness: number }[];
  /** If no alternative fits, all of these do as well. */
  parts: readonly Term[];
  /** Without it nothing fits; what is not needed only decides between what fits. */
  needed: boolean;
  /** What the word lists take it for. */
  means?: string | undefined;
}

export interface Query {
  terms: Term[];
  /** Asks for all that fit: "all", "lights". */
  plural: boolean;
  /** Says so in a word of its own: "all". */
  all: boolean;
  /** Words that nothing visible is called, and no list knows. */
  strange: string[];
  /** Whether a spelling was corrected by much. */
  doubtful: boolean;
}

/** What a phrase may be matched with. */
export interface Ground {
  index: NameIndex;
  /** Whether anything visible has this term. */
  present: (term: string) => boolean;
}

const listed = createVocabulary();
for (const word of lexiconWords()) listed.add(word);

/** Measurements whose names are said of others too: "noise level", "power consumption". */
const vague = new Set(['m:level', 'm:position', 'm:contact', 'm:speed', 'm:charge', 'm:current']);

/** The language a phrase is most likely in. */
export function languageOf(units: readonly Unit[]): ReadonlyMap<string, number> {
  const votes = new Map<string, number>();
  for (const { stop, meanings } of units) {
    const languages = new Set([
      ...(stop ?? []),
      ...meanings.flatMap((meaning) => [...meaning.languages]),
    ]);
    for (const language of languages)
      if (language !== 'any') votes.set(language, (votes.get(language) ?? 0) + 1 / languages.size);
  }
  return votes;
}

const vote = (votes: ReadonlyMap<string, number>, languages: Iterable<string>): number =>
  Math.max(0, ...[...languages].map((language) => votes.get(language) ?? 0));

/** Reads units of a phrase as what it asks for. */
export function queryOf(
  units: readonly Unit[],
  votes: ReadonlyMap<string, number>,
  ground: Ground,
): Query {
  const query: Query = { terms: [], plural: false, all: false, strange: [], doubtful: false };
  for (let at = 0; at < units.length; at++) {
    const unit = units[at] as Unit;
    if (isSilent(unit, votes)) continue;
    if (unit.grammar === 'all' || unit.grammar === 'group') {
      query.plural = true;
      query.all = true;
      continue;
    }
    if (unit.grammar && unit.meanings.length === 0) continue;
    const number = placeNumber(unit, units[at + 1], ground);
    if (number) {
      query.terms.push(number);
      at += 1;
      continue;
    }
    takeUnit(unit, votes, ground, query);
  }
  relax(query.terms);
  nameRooms(query.terms);
  return query;
}

/** "room 7", where places have numbers. */
function placeNumber(unit: Unit, next: Unit | undefined, ground: Ground): Term | undefined {
  const number = next && isPlaceWord(unit) ? numberOf(next) : undefined;
  if (number === undefined || !next || !ground.present(`p:${number}`)) return undefined;
  return {
    said: `${unit.said} ${next.said}`,
    alternatives: [{ term: `p:${number}`, sureness: 100 }],
    parts: [],
    needed: true,
    means: `p:${number}`,
  };
}

/** Says nothing in this phrase: a stop word, unless it means something in the phrase's language and is none there. */
function isSilent({ stop, meanings, grammar }: Unit, votes: ReadonlyMap<string, number>): boolean {
  if (grammar === 'all' && meanings.length === 0) return false;
  if (!stop) return false;
  if (meanings.length === 0) return true;
  const languages = meanings.flatMap((meaning) => [...meaning.languages]);
  const only = languages.filter((language) => !stop.has(language) && language !== 'any');
  return vote(votes, only) <= vote(votes, stop) || only.length === 0;
}

function takeUnit(
  unit: Unit,
  votes: ReadonlyMap<string, number>,
  ground: Ground,
  query: Query,
): void {
  if (unit.meanings.length > 0) {
    query.terms.push(termOf(unit, ground, votes));
    if (isPlural(unit, votes)) query.plural = true;
    return;
  }
  const term = wordTerm(unit, ground);
  if (!term) {
    if (!isSlipOfStopWord(unit.said)) query.strange.push(unit.said);
    return;
  }
  if (term.plural) query.plural = true;
  if (term.doubtful) query.doubtful = true;
  if (term.all) {
    query.all = true;
    query.plural = true;
    return;
  }
  query.terms.push(term);
}

/** "teh" is "the". */
function isSlipOfStopWord(word: string): boolean {
  if (word.length < 2 || word.length > 5) return false;
  for (let at = 0; at + 1 < word.length; at++) {
    const swapped = word.slice(0, at) + word.charAt(at + 1) + word.charAt(at) + word.slice(at + 2);
    if (stopLanguagesOf(swapped)) return true;
  }
  return false;
}

/** Forms that are of several, in the language of the phrase where that differs, of kinds, rooms and measurements. */
function isPlural({ meanings }: Unit, votes: ReadonlyMap<string, number>): boolean {
  const weights = meanings.map(({ languages }) => vote(votes, languages));
  const best = Math.max(...weights);
  const likely = meanings.filter((_, at) => weights[at] === best);
  return likely.length > 0 && likely.every(({ plural }) => plural);
}

function termOf(unit: Unit, ground: Ground, votes: ReadonlyMap<string, number>): Term {
  const { said } = unit;
  const concepts = unit.meanings.map(({ concept }) => concept);
  const generic = concepts.every((concept) => concept.startsWith('g:'));
  if (generic) {
    const sensor = concepts.includes('g:sensor');
    const own = wordsUnder(unit).map((term) => ({ term, sureness: 100 }));
    // Where devices are called nodes, "nodes" are these, and not all that could be.
    const literal = !/^sensor/.test(said) && own.some(({ term }) => ground.present(term));
    return {
      said,
      alternatives: [...(sensor && !literal ? [{ term: 'g:sensor', sureness: 100 }] : []), ...own],
      parts: [],
      needed: sensor,
      means: concepts[0],
    };
  }
  const specific = unit.meanings
    .filter(({ concept }) => !concept.startsWith('g:'))
    .sort((a, b) => vote(votes, b.languages) - vote(votes, a.languages))
    .map(({ concept }) => concept);
  const alternatives = specific.map((term) => ({ term, sureness: 100 }));
  if (!specific.some((concept) => ground.present(concept) || ground.present(`t:${concept}`)))
    for (const other of specific.flatMap(nearbyOf))
      alternatives.push({ term: other, sureness: 75 });
  const parts = partsOf(unit, ground, votes);
  return {
    said,
    alternatives,
    parts,
    // "one" may stand for a noun: "the small one".
    needed: said !== 'one',
    means: specific[0],
  };
}

/** The parts of an expression, where each says something by itself. */
function partsOf(unit: Unit, ground: Ground, votes: ReadonlyMap<string, number>): Term[] {
  const telling = unit.parts.filter((part) => part.meanings.length > 0 || !part.stop);
  if (telling.length < 2) return [];
  if (telling.some((part) => part.meanings.length === 0)) return [];
  const terms = telling.map((part) => termOf(part, ground, votes));
  return terms.filter((term) => term.needed).length > 1 ? terms.filter((term) => term.needed) : [];
}

const wordsUnder = ({ said, spelled }: Pick<Unit, 'said' | 'spelled'>): string[] => [
  ...new Set([`w:${stemOf(said)}`, `w:${stemOf(spelled)}`]),
];

type WordTerm = Term & { plural?: boolean; doubtful?: boolean; all?: boolean };

/** A word that no list knows: a device's own, a compound, or one that is misspelt. */
function wordTerm(unit: Unit, ground: Ground): WordTerm | undefined {
  const { said } = unit;
  const own = wordsUnder(unit).filter(
    (term) => ground.present(term) || ground.present(`t:${term}`),
  );
  const base = { said, parts: [], needed: true };
  if (own.length > 0)
    return { ...base, alternatives: own.map((term) => ({ term, sureness: 100 })) };

  const isKnown = (word: string): boolean =>
    meaningsOfWord(word).length > 0 || (word.length > 3 && ground.present(`w:${stemOf(word)}`));
  const compound = unit.parts.length > 0 ? unit.parts : compoundOf(said, isKnown);
  const parts = compound.flatMap((part) => partTerm(part, ground) ?? []);
  if (parts.length > 1 && parts.length === compound.length)
    return {
      ...base,
      alternatives: [],
      parts,
      plural: compound.at(-1)?.meanings.every(({ plural }) => plural) ?? false,
    };

  return misspelt(said, ground) ?? misspeltCompound(said, ground);
}

function partTerm(part: Unit, ground: Ground): Term | undefined {
  if (part.meanings.length > 0) return termOf(part, ground, new Map());
  const alternatives = wordsUnder(part)
    .filter((term) => ground.present(term))
    .map((term) => ({ term, sureness: 100 }));
  return alternatives.length > 0
    ? { said: part.said, alternatives, parts: [], needed: true }
    : undefined;
}

function misspelt(said: string, ground: Ground): WordTerm | undefined {
  const visible = (concept: string): boolean =>
    ground.present(concept) ||
    ground.present(`t:${concept}`) ||
    nearbyOf(concept).some(ground.present);
  const inList = listed.nearest(
    said,
    (word) =>
      grammarWordOf(word) === 'all' ||
      meaningsOfWord(word).some(({ concept }) => concept.startsWith('g:') || visible(concept)),
  );
  const stem = stemOf(said);
  const inNames = ground.index.vocabulary.nearest(stem, (word) => ground.present(`w:${word}`));
  const best = Math.min(
    ...[inList, inNames].map(({ words, distance }) => (words.length > 0 ? distance : Infinity)),
  );
  if (best === Infinity) return undefined;
  const sureness = Math.round(100 * (1 - best / (said.length + 2)));
  const words = inList.distance === best ? inList.words : [];
  const meanings = words.flatMap((word) => meaningsOfWord(word));
  const concepts = [...new Set(meanings.map(({ concept }) => concept))].filter(
    (concept) => concept.startsWith('g:') || visible(concept),
  );
  const own = inNames.distance === best ? inNames.words.map((word) => `w:${word}`) : [];
  if (concepts.length === 0 && own.length === 0)
    return words.some((word) => grammarWordOf(word) === 'all')
      ? { said, alternatives: [], parts: [], needed: false, all: true }
      : undefined;
  const terms = concepts.flatMap((concept) =>
    ground.present(concept) || ground.present(`t:${concept}`) || concept.startsWith('g:')
      ? [{ term: concept, sureness }]
      : nearbyOf(concept).map((term) => ({ term, sureness: sureness * 0.75 })),
  );
  return {
    said,
    alternatives: [...terms, ...own.map((term) => ({ term, sureness }))],
    parts: [],
    needed: !concepts.every((concept) => concept.startsWith('g:')) || own.length > 0,
    means: concepts[0],
    plural: meanings.length > 0 && meanings.every(({ plural }) => plural),
    doubtful: best > 2 || best / said.length > 0.29,
  };
}

/** "kuchenlmape": one part is known, the other nearly. */
function misspeltCompound(said: string, ground: Ground): WordTerm | undefined {
  if (said.length < 9 || /\d/.test(said)) return undefined;
  for (let cut = said.length - 4; cut >= 4; cut--) {
    const [head, tail] = [said.slice(0, cut), said.slice(cut)];
    const known = (word: string): Term | undefined => {
      const meanings = meaningsOfWord(word);
      if (meanings.length === 0) return undefined;
      const unit = { said: word, spelled: word, meanings, parts: [] };
      return termOf(unit, ground, new Map());
    };
    const [first, last] = [known(head), known(tail)];
    const pair =
      first && !last
        ? [first, misspelt(tail, ground)]
        : last && !first
          ? [misspelt(head, ground), last]
          : [];
    const [one, other] = pair;
    if (one && other && one.needed && other.needed)
      return { said, alternatives: [], parts: [one, other], needed: true };
  }
  return undefined;
}

/** A vague measurement beside another one is not needed: "humidity level". */
function relax(terms: Term[]): void {
  const isOf = (term: Term, test: (name: string) => boolean): boolean =>
    term.alternatives.length > 0 && term.alternatives.every((other) => test(other.term));
  const measured = terms.filter((term) => isOf(term, (name) => name.startsWith('m:')));
  if (measured.length < 2) return;
  const specific = measured.filter((term) => !isOf(term, (name) => vague.has(name)));
  if (specific.length === 0) return;
  for (const term of measured) if (!specific.includes(term)) term.needed = false;
}

/** "Marie's room" is a bedroom rather than a lamp of hers. */
function nameRooms(terms: readonly Term[]): void {
  const named = terms.some(
    ({ needed, alternatives }) =>
      needed && alternatives.length > 0 && alternatives.every(({ term }) => term.startsWith('w:')),
  );
  const room = terms.find(({ means }) => means === 'g:room');
  if (named && room)
    room.alternatives = [...room.alternatives, { term: 'r:bedroom', sureness: 100 }];
}

/** The units of a phrase; "rain water tank" is read as "rainwater tank" where something is called that. */
export function phraseUnits(phrase: string, ground: Ground): Unit[] {
  const words = phrase.split(/\s+/);
  const joined: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const [one = '', next = ''] = words.slice(at, at + 2);
    const pair = one + next;
    const isOne =
      /^\p{L}{3,}$/u.test(one) &&
      /^\p{L}{3,}$/u.test(next) &&
      unitsOf(pair).length === 1 &&
      unitsOf(pair)[0]?.meanings.length === 0 &&
      wordsUnder({ said: fold(pair), spelled: spellOut(pair) }).some(ground.present);
    joined.push(isOne ? pair : one);
    if (isOne) at += 1;
  }
  return unitsOf(joined.join(' '));
}
