const form = /^sealed:v1:[0-9a-f]{16}:[A-Za-z0-9_-]{39,}$/;

/** Whether a text has the form of what a SecretBox seals: `sealed:v1:<key id>:<base64url>`. */
export function isSealed(text: unknown): text is string {
  return typeof text === 'string' && text.startsWith('sealed:v1:') && form.test(text);
}

/** The id of the key that a sealed text was sealed with. */
export const sealedWith = (sealed: string): string => sealed.slice(10, 26);
