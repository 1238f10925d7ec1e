/**
 * Controls, format characters (directions, tags, joiners), lone surrogates, and whatever else no reader sees: nothing a
 * name needs, and what hides instructions in it.
 */
const unwanted = /[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\u2028\u2029]/gu;
const spacing = /[\t\n\r\u2028\u2029]+/g;
const suspicious = /[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\u2028\u2029]/u;
const plain = /^[ -~]*$/;

/**
 * Text from outside as it may be stored, shown and read by a model: line breaks and tabs become a space, what is
 * not to be seen goes, the ends are trimmed, and at most `maxLength` UTF-16 units stay.
 * What is not a string is an empty text.
 */
export function cleanText(value: unknown, maxLength: number): string {
  if (typeof value !== 'string') return '';
  // Cutting first bounds the work; twice the length leaves room for what the cleaning takes out.
  const cut = value.length > maxLength * 2 ? value.slice(0, maxLength * 2) : value;
  const clean = cut.replace(spacing, ' ').replace(unwanted, '').trim();
  if (clean.length <= maxLength) return clean;
  return clean
    .slice(0, maxLength)
    .replace(/[\ud800-\udbff]$/, '')
    .trimEnd();
}

/** Whether a text holds nothing that `cleanText` would take out or trim. */
export function isCleanText(value: string, maxLength: number): boolean {
  if (value.length > maxLength) return false;
  if (!plain.test(value) && suspicious.test(value)) return false;
  return value.trim() === value;
}
