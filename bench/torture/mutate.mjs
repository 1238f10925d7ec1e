// Valid things made invalid: bytes that are changed, and documents in which something else stands.
import fc from 'fast-check';

/** Random numbers that a seed repeats (mulberry32). @param {number} seed @returns {() => number} in [0, 1) */
export function createRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @template T @param {() => number} random @param {readonly T[]} items @returns {T} */
export const pick = (random, items) => items[Math.floor(random() * items.length)];

/** What no sender of good will sends. */
const hostile = [
  '__proto__',
  'constructor',
  '\u0000',
  '\ud800',
  'x'.repeat(70_000),
  Number.MAX_SAFE_INTEGER + 1,
  -1e308,
  JSON.parse('['.repeat(40) + ']'.repeat(40)),
  JSON.parse('{"__proto__":{"admin":true},"constructor":null}'),
];

/** @param {number} seed @returns {unknown[]} values of all kinds */
export const strangeValues = (seed) => [
  ...hostile,
  ...fc.sample(fc.jsonValue(), { numRuns: 500, seed }),
];

/**
 * Changes a few places of some bytes: bits flipped, parts taken out, doubled or replaced.
 * @param {() => number} random @param {Buffer} bytes
 */
export function mutateBytes(random, bytes) {
  let mutated = Buffer.from(bytes);
  const times = 1 + Math.floor(random() * 4);
  for (let i = 0; i < times && mutated.length > 0; i++) {
    const at = Math.floor(random() * mutated.length);
    const length = 1 + Math.floor(random() * 8);
    const [head, tail] = [mutated.subarray(0, at), mutated.subarray(at + length)];
    const part = mutated.subarray(at, at + length);
    const noise = Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
    switch (Math.floor(random() * 5)) {
      case 0:
        mutated[at] ^= 1 << Math.floor(random() * 8);
        break;
      case 1:
        mutated = Buffer.concat([head, tail]);
        break;
      case 2:
        mutated = Buffer.concat([head, part, part, tail]);
        break;
      case 3:
        mutated = Buffer.concat([head, noise, tail]);
        break;
      default:
        mutated = Buffer.from(head);
    }
  }
  return mutated;
}

/**
 * A copy of a document in which one place holds a strange value, or one member has another name or is gone.
 * @param {() => number} random @param {unknown} document @param {readonly unknown[]} strange
 * @returns {unknown}
 */
export function mutateDocument(random, document, strange) {
  if (document === null || typeof document !== 'object' || random() < 0.15)
    return pick(random, strange);
  const entries = Object.entries(document);
  if (entries.length === 0) return pick(random, strange);
  const at = Math.floor(random() * entries.length);
  const changed = entries.flatMap(([name, value], index) => {
    if (index !== at) return [[name, value]];
    const dice = random();
    if (dice < 0.1) return [];
    if (dice < 0.2) return [[JSON.stringify(pick(random, strange)), value]];
    return [[name, mutateDocument(random, value, strange)]];
  });
  return Array.isArray(document) ? changed.map(([, value]) => value) : Object.fromEntries(changed);
}
