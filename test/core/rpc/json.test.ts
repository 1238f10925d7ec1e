import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RpcError } from '../../../nodes/core/rpc/errors.ts';
import { parseStrictJson } from '../../../nodes/core/rpc/json.ts';
import type { JsonLimits } from '../../../nodes/core/rpc/json.ts';

const refuses = (body: string | Uint8Array, reason: RegExp, limits?: JsonLimits): void => {
  assert.throws(
    () => parseStrictJson(body, limits),
    (error: unknown) => {
      assert.ok(error instanceof RpcError);
      assert.equal(error.code, -32700);
      assert.match(error.reason, reason);
      return true;
    },
  );
};

describe('parseStrictJson', () => {
  it('answers what JSON.parse answers for every honest document, as text and as bytes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const text = JSON.stringify(value);
        fc.pre(text.isWellFormed() && !/\\ud[89a-f]|__proto__/i.test(text));
        assert.deepEqual(parseStrictJson(text), JSON.parse(text));
        assert.deepEqual(parseStrictJson(new TextEncoder().encode(text)), JSON.parse(text));
      }),
    );
  });

  it('accepts colons, quotes and brackets inside of strings, and keys that repeat in different objects', () => {
    const text = '{"a:":"\\":{[\\\\","b":[{"a:":1},{"a:":2,"hasOwnProperty":{"a:":3}}], "" : ":" }';
    assert.deepEqual(parseStrictJson(text), JSON.parse(text));
  });

  it('accepts whole surrogate pairs, escaped or not', () => {
    assert.equal(parseStrictJson('"\\ud83d\\ude00😀"'), '😀😀');
  });

  it('refuses bytes that are not UTF-8', () => {
    refuses(Uint8Array.of(0x22, 0xff, 0x22), /UTF-8/);
    refuses(Uint8Array.of(0x22, 0xc0, 0xaf, 0x22), /UTF-8/);
    refuses(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), /UTF-8/);
  });

  it('refuses what is not JSON', () => {
    for (const text of [
      '',
      '{',
      "{'a':1}",
      '{"a":1,}',
      'NaN',
      '[Infinity]',
      '-Infinity',
      '01',
      'undefined',
      '{"a":1}x',
      '"\n"',
    ]) {
      refuses(text, /not JSON/);
    }
  });

  it('keeps control characters out of the reason', () => {
    refuses('[\u0007\u001b[31m]', /^[^\u0007\u001b]*$/);
  });

  it('refuses a key that stands twice in one object, however it is written, and names it', () => {
    refuses('{"a":1,"a":2}', /"a" stands twice/);
    refuses('{"x":[{"value":1,"b":{},"value":2}]}', /"value" stands twice/);
    refuses('{"a":1,"\\u0061":2}', /"a" stands twice/);
    refuses('{"a":{"b":1,"c":{"d":1}},"a":1}', /"a" stands twice/);
    refuses('{"1":1,"1":2}', /"1" stands twice/);
    refuses('{"a\\"b":1,"a\\"b":2}', /stands twice/);
  });

  it('refuses __proto__ as a key, so that nobody downstream can be misled by it', () => {
    refuses('{"__proto__":{"admin":true}}', /__proto__/);
    refuses('[{"a":{"\\u005f_proto__":null}}]', /__proto__/);
  });

  it('refuses depth bombs without failing itself', () => {
    refuses('['.repeat(33) + ']'.repeat(33), /deeper than 32/);
    refuses('['.repeat(500_000) + ']'.repeat(500_000), /deeper than 32/);
    refuses('{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000), /deeper than 32/);
    assert.doesNotThrow(() => parseStrictJson('['.repeat(32) + ']'.repeat(32)));
    refuses('[[1]]', /deeper than 1 /, { maxDepth: 1 });
  });

  it('refuses what is too long or has too many keys', () => {
    refuses(' '.repeat(1_048_577), /longer than 1048576/);
    refuses('"abc"', /longer than 4/, { maxBytes: 4 });
    refuses('{"a":1,"b":{"c":1}}', /more than 2 keys/, { maxKeys: 2 });
    refuses('[[1,2,3]]', /array of more than 2 items/, { maxItems: 2 });
    refuses('["abc"]', /string longer than 2 characters/, { maxString: 2 });
    refuses(`[${'1,'.repeat(100_000)}1]`, /array of more than 100000 items/);
    refuses(`"${'x'.repeat(262_145)}"`, /string longer than 262144 characters/);
  });

  it('refuses numbers that a double cannot hold and halves of surrogate pairs', () => {
    refuses('[1e999]', /range of a double/);
    refuses('{"a":-1e400}', /range of a double/);
    refuses('["\\ud800"]', /surrogate/);
    refuses('{"\\udc00":1}', /surrogate/);
  });
});
