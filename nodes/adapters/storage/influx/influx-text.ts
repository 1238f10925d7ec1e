/**
 * How any text fits into a tag or a string field, and comes back as it was. Line protocol has no room for control
 * characters and halves of surrogate pairs, nor for backslashes and nothing at all in tags, and its parsers differ at
 * backslashes; those characters stand as `%` and two hexadecimal digits, or `%u` and four. A `%` that could be taken
 * for such an escape is written `%25`; any other stays, so that usual texts stay as they are.
 */

const escape = '%(?=[0-9A-F]{2}|u[0-9A-F]{4})';
const uncarried = `[\\u0000-\\u001f\\u007f-\\u009f]|[\\ud800-\\udbff](?![\\udc00-\\udfff])|(?<![\\ud800-\\udbff])[\\udc00-\\udfff]`;
const inText = new RegExp(`${escape}|${uncarried}`, 'g');
const inTag = new RegExp(`${escape}|${uncarried}|\\\\`, 'g');
const plain = /^[\w.:/-]+$/;
/** Whether a text is written the same wherever it stands; most names are, and this is sooner known than shown. */
export const isPlain = (text: string): boolean => plain.test(text);
/** A tag cannot be empty, so this stands for nothing. */
const emptyTag = '%';

/** A text as the value of a string field; quotes and backslashes in it are still to be escaped. */
export const storedText = (text: string): string => text.replace(inText, percent);

/** A text as the value of a tag, as the database has it and as queries must ask for it. */
export function storedTag(text: string): string {
  if (text === '') return emptyTag;
  return text === emptyTag ? '%25' : text.replace(inTag, percent);
}

/** What was written, from what the database has in a string field. */
export const originalText = (stored: string): string =>
  stored.replace(/%(?:([0-9A-F]{2})|u([0-9A-F]{4}))/g, (_all, short?: string, long?: string) =>
    String.fromCharCode(parseInt(short ?? long ?? '', 16)),
  );

/** What was written, from what the database has in a tag. */
export const originalTag = (stored: string): string =>
  stored === emptyTag ? '' : originalText(stored);

function percent(character: string): string {
  const code = character.charCodeAt(0).toString(16).toUpperCase();
  return code.length > 2 ? `%u${code}` : `%${code.padStart(2, '0')}`;
}
