import { cleanText } from '../text.ts';

/** Longest name in a sentence of the hub's. */
const usual = 64;

/**
 * Words that are not the hub's own, as they may stand in a sentence that is: cleaned, without quotation marks, angle
 * brackets, backticks and line breaks of their own, cut, and in double quotes. This is the only way for what a device or
 * a caller made up to get into `reason`, `suggestions` or `summary`.
 */
export function quoted(value: unknown, maxLength = usual): string {
  const text = cleanText(typeof value === 'string' ? value : String(value), maxLength + 1)
    .replace(/["“”„«»`]/g, "'")
    .replace(/[<>]/g, ' ');
  return text.length > maxLength ? `"${text.slice(0, maxLength - 1)}…"` : `"${text}"`;
}

const plainPath = /^[\w-]+(?:(?:\.[\w-]+)|(?:\[\d+\]))*$/;

/** A place such as `time_range.start`: as it is if it is made of names and numbers, else quoted. */
export function placeName(field: string): string {
  return isPlainPlace(field) ? field : quoted(field);
}

/** Whether a place is made of nothing but names, dots and positions. */
export function isPlainPlace(field: string): boolean {
  return field.length <= 100 && plainPath.test(field);
}

/** Whether a text can be nothing but a name: what a device made up is put into a change only if it is that. */
export function isPlainWord(text: string): boolean {
  return /^[\w.@/*+:%-]{1,128}$/.test(text);
}

/** A value of JSON in a sentence: texts quoted, numbers and the like as they are, all else cut. */
export function valueName(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null)
    return String(value);
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    // A cycle: there is nothing to show.
  }
  return text !== undefined && /^[[{][\d,.{}[\]:-]*$/.test(text) && text.length <= usual
    ? text
    : quoted(text ?? '');
}
