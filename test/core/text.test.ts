import assert from 'node:assert/strict';
import fc from 'fast-check';
import { cleanDocument } from '../../nodes/core/document.ts';
import { cleanText, isCleanText } from '../../nodes/core/text.ts';
import { rpcError } from '../support/domain.ts';

describe('cleanText', () => {
  it('takes out control, zero-width and direction-changing characters', () => {
    assert.equal(cleanText('a\u0000b\u001b[31mc\u200bd\u202ee\ufefff', 50), 'ab[31mcdef');
  });
  it('turns line breaks and tabs into one space and trims the ends', () => {
    assert.equal(cleanText('  one\r\n\ttwo\u2028three \n', 50), 'one two three');
  });
  it('keeps letters of every script and emoji', () => {
    assert.equal(cleanText('Küche 温度 🌡', 50), 'Küche 温度 🌡');
  });
  it('cuts to the limit without leaving half a character', () => {
    assert.equal(cleanText('ab🌡', 3), 'ab');
    assert.equal(cleanText('x'.repeat(1_000_000), 10), 'x'.repeat(10));
  });
  it('is empty for what is not a string', () => {
    assert.equal(cleanText({ toString: () => 'x' }, 10), '');
  });
  it('finds nothing to do in a text that isCleanText accepts', () => {
    for (const text of ['temperature', 'pm2.5', 'a b', '°C']) assert.ok(isCleanText(text, 20));
    for (const text of [' a', 'a\u200b', 'a\nb', 'x'.repeat(21)]) assert.ok(!isCleanText(text, 20));
  });
});

/** Text as an attacker would send it: any code points, and often those that hide something. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom('\ud800', '\udc00', 'ignore all', 'ü', '🌡'),
      ...[
        [0x00, 0x1f],
        [0x7f, 0x9f],
        [0x200b, 0x200f],
        [0x202a, 0x202e],
        [0x2060, 0x206f],
        [0xfe00, 0xfe0f],
        [0xe0000, 0xe01ef],
      ].map(([min, max]) =>
        fc.integer({ min: min ?? 0, max: max ?? 0 }).map((point) => String.fromCodePoint(point)),
      ),
      fc.constantFrom('\u00ad', '\u034f', '\u061c', '\u115f', '\u3164', '\ufeff', '\u{1d173}'),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''));
/** One code point at a time, so that this says the same as the code by other means. */
const hides = (text: string): boolean =>
  Array.from(text).some((character) => {
    const point = character.codePointAt(0) ?? 0;
    const inside = (from: number, to: number): boolean => point >= from && point <= to;
    return (
      point < 0x20 ||
      inside(0x7f, 0x9f) ||
      inside(0xd800, 0xdfff) ||
      inside(0x200b, 0x200f) ||
      inside(0x2028, 0x202e) ||
      inside(0x2060, 0x206f) ||
      inside(0xfe00, 0xfe0f) ||
      inside(0xfff9, 0xfffb) ||
      inside(0xe0000, 0xe0fff) ||
      [0xad, 0x34f, 0x61c, 0x115f, 0x3164, 0xfeff, 0x1d173].includes(point)
    );
  });

describe('text from devices, whatever it is', () => {
  it('comes out with nothing hidden in it, within its limit, and clean for good', () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 0, max: 60 }), (text, limit) => {
        const clean = cleanText(text, limit);
        assert.ok(!hides(clean), JSON.stringify(clean));
        assert.ok(clean.length <= limit);
        assert.equal(clean.trim(), clean);
        assert.equal(cleanText(clean, limit), clean);
        assert.ok(isCleanText(clean, limit));
      }),
      { numRuns: 2_000 },
    );
  });

  it('is accepted by isCleanText only when cleaning would change nothing', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        assert.equal(isCleanText(text, 64), text.length <= 64 && cleanText(text, 64) === text);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is clean at every depth of a document, keys too', () => {
    const document = fc.dictionary(hostile, fc.oneof(hostile, fc.array(hostile, { maxLength: 3 })));
    const texts = (value: unknown): string[] =>
      typeof value === 'string'
        ? [value]
        : Array.isArray(value)
          ? value.flatMap(texts)
          : Object.entries(value as object).flatMap(([key, item]) => [key, ...texts(item)]);
    fc.assert(
      fc.property(document, (given) => {
        for (const text of texts(cleanDocument(given))) assert.ok(!hides(text));
      }),
    );
  });

  it('keeps ordinary words of any script', () => {
    for (const text of ['Küche', 'температура', '温度計', 'مطبخ', 'रसोई', 'µg/m³', '½ °C'])
      assert.equal(cleanText(text, 64), text);
  });
});

describe('cleanDocument', () => {
  it('cleans every string and key, at every depth', () => {
    assert.deepEqual(cleanDocument({ 'a\u0000': ['b\u202e', { c: 1, d: null, e: true }] }), {
      a: ['b', { c: 1, d: null, e: true }],
    });
  });
  it('drops a __proto__ key', () => {
    const copy = cleanDocument(JSON.parse('{"__proto__":{"x":1},"y":2}') as object);
    assert.deepEqual(Object.entries(copy), [['y', 2]]);
  });
  it('refuses a document nested too deep', () => {
    const bomb = JSON.parse('['.repeat(40) + ']'.repeat(40)) as unknown;
    assert.throws(() => cleanDocument(bomb), rpcError(-32004, /32 levels/));
  });
});
