/** Longest text that is read into words, in UTF-16 units. */
const longest = 512;
const apostrophes = /['\u2019\u2018`\u00b4]/g;

const plainLetters: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
};

/** Small letters without accents: "Küche" is "kuche". */
export function fold(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[ßæœøłđðþ]/g, (letter) => plainLetters[letter] ?? letter);
}

/** The same with umlauts written out: "Küche" is "kueche". */
export const spellOut = (text: string): string =>
  fold(text.normalize('NFC').replace(/[äÄ]/g, 'ae').replace(/[öÖ]/g, 'oe').replace(/[üÜ]/g, 'ue'));

/**
 * The words of a text, folded: `supplyTemperature_1` is `supply temperature 1`, "lads' room" is `lads room`,
 * "l'humidité" is `l humidite`, "Lamp2" is `lamp 2`.
 */
export function wordsOf(text: string, folding: (text: string) => string = fold): string[] {
  const spaced = text
    .slice(0, longest)
    .replace(/(\p{Ll}{2})(\p{Lu})/gu, '$1 $2')
    .replace(apostrophes, "'")
    .replace(/\ball'(?=\p{L})/giu, 'al ')
    .replace(/'s(?![\p{L}\p{N}])/giu, '')
    .replace(/-(?=\d+\s*(?:$|\p{L}))/gu, ' ');
  return folding(spaced)
    .split(/[^\p{L}\p{N}]+/u)
    .flatMap(splitNumber)
    .filter((word) => word !== '');
}

/** "lamp2" is two words, "bme280" and "pm25" are one. */
function splitNumber(word: string): string[] {
  const parts = /^(\p{L}{4,})(\d{1,4})$/u.exec(word);
  return parts ? [parts[1] ?? '', parts[2] ?? ''] : [word];
}

/** `012` is `12`. */
export const plainNumber = (word: string): string | undefined =>
  /^\d{1,6}$/.test(word) ? String(Number(word)) : undefined;

/** Endings, what stands for them, and the languages (empty: any) whose words have them. */
const endings: readonly [ending: string, instead: string, languages: readonly string[]][] = [
  ['ies', 'y', ['en']],
  ['s', '', []],
  ['es', '', []],
  ['n', '', ['de', 'nl']],
  ['en', '', ['de', 'nl']],
  ['e', '', ['de', 'nl', 'fr']],
  ['er', '', ['de']],
  ['ern', '', ['de']],
  ['i', 'o', ['it']],
  ['i', 'e', ['it']],
  ['e', 'a', ['it']],
  ['aux', 'al', ['fr']],
  ['x', '', ['fr']],
];

/** What a word may be without its ending, the likeliest first, and the languages it then is of (none: any). */
export function stemsOf(word: string): { stem: string; languages: readonly string[] }[] {
  if (/\d/.test(word)) return [];
  return endings.flatMap(([ending, instead, languages]) => {
    const stem = word.slice(0, -ending.length) + instead;
    return word.endsWith(ending) && stem.length >= 3 ? [{ stem, languages }] : [];
  });
}

/** What words are filed under that no list knows: "tomatoes" and "tomatoe", "Helens" and "Helen" are one. */
export function stemOf(word: string): string {
  if (/\d/.test(word)) return word;
  const cut = (text: string): string =>
    text.length > 4
      ? text.replace(/(?:es|en|s|n|e)$/, '')
      : text.length === 4
        ? text.replace(/[se]$/, '')
        : text;
  return cut(cut(word));
}
