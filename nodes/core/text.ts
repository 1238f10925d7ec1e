/** C0 and C1 controls, zero-width characters, bidirectional marks and lone surrogates: nothing a name needs. */
const unwanted =
  /[\p{Cc}\p{Cs}\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/gu;
const spacing = /[\t\n\r\u2028\u2029]+/g;
const suspicious =
  /[\p{Cc}\p{Cs}\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/u;

/**
 * Text from outside as it may be stored, shown and read by a model: line breaks and tabs become a space, control,
 * zero-width and direction-changing characters go, the ends are trimmed, and at most `maxLength` UTF-16 units stay.
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
  return value.length <= maxLength && !suspicious.test(value) && value.trim() === value;
}
