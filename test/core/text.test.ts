import assert from 'node:assert/strict';
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
