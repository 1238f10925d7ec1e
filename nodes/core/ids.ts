/** Randomness as the core sees it: identities and secrets come in from outside. */
export interface Ids {
  /** A new random UUID (version 4, lower case). */
  uuid(): string;
  /** A new secret of 256 random bits, printable, with a prefix that tells what it is for. */
  secret(prefix: string): string;
  /** The one-way hash under which a secret is kept (hex). */
  hash(secret: string): string;
}
