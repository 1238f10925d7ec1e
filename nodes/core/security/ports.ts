/**
 * Port: seals what must not be read from disk, and opens it again. What is sealed is printable and can be told from plain
 * text by `isSealed`. A change of key reaches every string of a record that is sealed, and every file of the data
 * directory whose name ends in `.sealed` and whose whole content is one sealed text.
 */
export interface SecretBox {
  /**
   * @param purpose what it is for, up to 255 bytes and no secret itself; opening needs the same, so that one secret cannot
   * stand in for another
   */
  seal(text: string, purpose: string): string;
  /** @throws Error when it was sealed with another key or for another purpose, or was changed */
  open(sealed: string, purpose: string): string;
}

/** Port: HMAC-SHA256. Keys and codes are base64. */
export interface Mac {
  /** The code of a text in UTF-8. */
  of(key: string, text: string): string;
  /** Whether two codes are the same; takes the same time for all codes of one length. */
  same(one: string, other: string): boolean;
  /** A new key of 256 random bits. */
  newKey(): string;
}
