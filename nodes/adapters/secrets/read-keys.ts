const keyBytes = 32;
/** 32 random bytes have fewer than this many different values about once in 10^20 keys. */
const leastDifferent = 12;
const mostKeys = 8;

/**
 * Keys from text: each 32 bytes as 64 hexadecimal digits or in base64 (also base64url), separated by white space or commas.
 * The first seals, all of them open.
 * @param from where the text is from, for the error
 * @throws Error that says what a key looks like, without the text
 */
export function readKeys(text: string, from: string): Buffer[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  if (words.length === 0) throw new Error(`${from} holds no key; ${wanted}`);
  if (words.length > mostKeys) throw new Error(`${from} holds more than ${mostKeys} keys`);
  return words.map((word) => {
    const key = decode(word);
    if (key?.length !== keyBytes) throw new Error(`${from} is no key: ${wanted}`);
    if (isWeak(key)) throw new Error(`${from} is no random key: ${wanted}`);
    return key;
  });
}

const wanted =
  'a key is 32 random bytes in hexadecimal or base64, such as "openssl rand -hex 32" prints';

function decode(word: string): Buffer | undefined {
  if (/^[0-9a-f]{64}$/i.test(word)) return Buffer.from(word, 'hex');
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(word)) return Buffer.from(word, 'base64');
  return undefined;
}

/** A pattern, or a passphrase that somebody encoded. */
const isWeak = (key: Buffer): boolean =>
  new Set(key).size < leastDifferent || key.every((byte) => byte >= 0x20 && byte < 0x7f);
