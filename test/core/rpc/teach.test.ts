import assert from 'node:assert/strict';
import { ErrorCode, RpcError, toErrorObject } from '../../../nodes/core/rpc/errors.ts';
import { mergeFixes, fixWithin } from '../../../nodes/core/rpc/fix.ts';
import { errorObjectOf } from '../../../nodes/core/rpc/framing.ts';
import { quoted, placeName, valueName } from '../../../nodes/core/rpc/quoted.ts';
import type { ErrorData } from '../../../nodes/core/rpc/teach.ts';

const dataOf = (code: ErrorCode, details: Record<string, unknown> = {}): ErrorData =>
  new RpcError(code, 'because', details).toObject().data;

describe('the data of every error', () => {
  for (const [name, code] of Object.entries(ErrorCode))
    it(`says what to do and whether the same call may be sent again: ${name}`, () => {
      const data = dataOf(code);
      assert.equal(data.reason, 'because');
      assert.ok(data.suggestions.length > 0);
      for (const text of data.suggestions) assert.match(text, /^[A-Z][^\n]*\.$/);
      assert.equal(data.retryable, name === 'DeviceOffline' || name === 'DeviceBusy');
    });

  it('is retryable where waiting helps, and where its details say so', () => {
    const slow = dataOf(ErrorCode.ResourceExhausted, { retry_after_ms: 250.2 });
    assert.equal(slow.retryable, true);
    assert.deepEqual(slow.suggestions, ['Wait 251 ms, then send the same call again.']);
    assert.equal(dataOf(ErrorCode.CommunicationTimeout, { retryable: true }).retryable, true);
    assert.equal(dataOf(ErrorCode.DeviceOffline, { retryable: false }).retryable, false);
  });

  it('keeps the details, and the suggestions of who raised it', () => {
    const own = { field: 'a', limit: 3, suggestions: ['Do this.', 7, ''], candidates: [] };
    const { suggestions, limit, field } = dataOf(ErrorCode.InvalidParams, own);
    assert.deepEqual([suggestions, limit, field], [['Do this.'], 3, 'a']);
  });

  it('holds at most five suggestions of at most 200 characters', () => {
    const allowed = Array.from({ length: 50 }, (_, i) => `${i}${'x'.repeat(100)}`);
    const set = Object.fromEntries(allowed.map((word) => [word.slice(0, 30), word]));
    const many = dataOf(ErrorCode.InvalidParams, { field: 'a', allowed, fix: { set } });
    assert.equal(many.suggestions.length, 5);
    const long = Array.from({ length: 9 }, () => 'y'.repeat(500));
    for (const data of [
      many,
      dataOf(ErrorCode.InvalidParams, { field: 'f', allowed }),
      dataOf(ErrorCode.InvalidParams, { suggestions: long }),
    ])
      for (const text of data.suggestions) assert.ok(text.length <= 200, text);
  });

  const said: [title: string, code: ErrorCode, details: Record<string, unknown>, text: RegExp][] = [
    [
      'the values that are allowed',
      -32602,
      { field: 'a', allowed: ['on', 'off'] },
      /^Set a to one of "on", "off"\.$/,
    ],
    [
      'the range of a number',
      -32602,
      { field: 'a.b', min: 1, max: 5 },
      /^Set a\.b to a number from 1 to 5\.$/,
    ],
    [
      'what kind of value',
      -32602,
      { field: 'a', expected: { type: 'integer', minimum: 2 } },
      /^Set a to an integer of at least 2\.$/,
    ],
    [
      'where an id is found',
      -32602,
      { field: 'device_id' },
      /^Call device\.list and take the value for device_id/,
    ],
    [
      'the device that is meant',
      -32000,
      { field: 'device_id', nearest: { device_id: 'd-1', name: 'x' } },
      /^Set device_id to "d-1"\.$/,
    ],
    [
      'the candidates',
      -32602,
      {
        field: 'device',
        candidates: [{ device_id: 'd-1', name: 'Lamp "x"', where: 'Attic', score: 1 }],
      },
      /^Set device to "d-1", which is called "Lamp 'x'" in "Attic", if that is meant\.$/,
    ],
    [
      'the roles that may',
      -32005,
      { allowed_roles: ['llm_write', 'llm_admin'] },
      /a key with the role llm_write or llm_admin/,
    ],
    [
      'that a limit is one of safety',
      -32005,
      { policy: 'half', allowed: { max: 5 } },
      /within data\.allowed/,
    ],
    ['how to sign', -32005, { signature: 'stale' }, /params\.signature/],
  ];
  for (const [title, code, details, text] of said)
    it(`tells ${title}`, () => {
      const { suggestions } = dataOf(code, details);
      assert.match(suggestions[0] ?? '', text);
    });

  it('is the same for what flows answer with, and for what nobody meant to throw', () => {
    const made = errorObjectOf({
      code: -32000,
      message: 'Device not found',
      data: { reason: 'gone', n: 1 },
    });
    const { suggestions, retryable, reason, n } = made.data as ErrorData;
    assert.deepEqual([reason, n, retryable, suggestions.length], ['gone', 1, false, 1]);
    const bare = errorObjectOf({ code: 7, message: 'E7' }).data as ErrorData;
    assert.equal(bare.reason, 'E7');
    assert.deepEqual(errorObjectOf({ code: 7, message: 'E7', data: 'text' }).data, 'text');
    assert.equal((toErrorObject(new Error('secret')).data as ErrorData).retryable, false);
  });
});

describe('a change that repairs a call', () => {
  it('is put together from several, a name that moves being neither set nor left out', () => {
    assert.deepEqual(
      mergeFixes([
        { set: { b: 1, c: 2 } },
        undefined,
        { rename: { a: 'b' }, remove: ['a', 'd'] },
        { set: { c: 3 }, remove: ['d'] },
      ]),
      { rename: { a: 'b' }, set: { c: 2 }, remove: ['d'] },
    );
    assert.equal(mergeFixes([undefined, {}]), undefined);
  });

  it('keeps its places when it is found further down', () => {
    assert.deepEqual(
      fixWithin('arguments', { set: { 'a.b': 1, '[0]': 2 }, rename: { c: 'd' }, remove: ['e'] }),
      {
        set: { 'arguments.a.b': 1, 'arguments[0]': 2 },
        rename: { 'arguments.c': 'arguments.d' },
        remove: ['arguments.e'],
      },
    );
  });
});

describe('words of others in a sentence of the hub', () => {
  it('are cleaned, cut, and in double quotes that they cannot close', () => {
    assert.equal(quoted('a "b" `c`\n</system>\u202e'), `"a 'b' 'c'  /system "`);
    assert.equal(quoted('x'.repeat(100)).length, 66);
    assert.equal(quoted({ toString: () => 'o' }), '"o"');
  });

  it('places and values of JSON are as they are only if they are plain', () => {
    assert.equal(placeName('a.b_c[3].d-e'), 'a.b_c[3].d-e');
    assert.equal(placeName('a. Ignore that'), '"a. Ignore that"');
    assert.equal(valueName(3), '3');
    assert.equal(valueName([1, 2]), '[1,2]');
    assert.equal(valueName(['x']), `"['x']"`);
  });
});
