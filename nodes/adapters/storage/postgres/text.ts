/** What PostgreSQL's text cannot hold (NUL, halves of surrogate pairs), and the character that escapes it. */
const special = /[\0\u0010\p{Surrogate}]/gu;
const escaped = /\u0010([0-9a-f]{4})/g;

/** Any string as text PostgreSQL can store: what it cannot hold becomes DLE (U+0010) and four hexadecimal digits. */
export const encodeText = (text: string): string =>
  text.replace(special, (unit) => `\u0010${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

export const decodeText = (text: string): string =>
  text.includes('\u0010')
    ? text.replace(escaped, (_match, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    : text;
