import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { nodeMac } from '../../../nodes/adapters/signing/node-mac.ts';
import {
  isSigningSecret,
  newSigningSecret,
  readSignature,
  sign,
  signatureProblem,
  type Signature,
} from '../../../nodes/core/security/signature.ts';

const secret = newSigningSecret(nodeMac);
const body = '{"a":1}';
const problem = (
  signature: unknown,
  more: { body?: string; now?: number; secrets?: string[] } = {},
) =>
  signatureProblem(nodeMac, more.secrets ?? [secret], {
    signature,
    body: more.body ?? body,
    now: more.now ?? Date.now(),
  });
const signed = (more: Partial<Signature> = {}, secrets = [secret]): Signature => ({
  ...sign(nodeMac, secrets, { id: 'msg_1', body, now: Date.now() }),
  ...more,
});

describe('signatures by Standard Webhooks', () => {
  it('are accepted by the package standardwebhooks, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const { id, timestamp, signature } = sign(nodeMac, [secret], {
          ...{ id: 'msg_2', body: text, now: Date.now() },
        });
        const headers = {
          'webhook-id': id,
          'webhook-timestamp': String(timestamp),
          'webhook-signature': signature,
        };
        const parse = (): unknown => new Webhook(secret).verify(text, headers);
        // It parses what it verified as JSON; only that may fail.
        try {
          parse();
        } catch (error) {
          assert.ok(error instanceof SyntaxError, String(error));
        }
      }),
    );
  });

  it('of the package standardwebhooks are accepted', () => {
    const now = new Date();
    const signature = new Webhook(secret).sign('msg_3', now, body);
    const timestamp = Math.floor(now.getTime() / 1_000);
    assert.equal(problem({ id: 'msg_3', timestamp, signature }), undefined);
    assert.equal(problem({ id: 'msg_3', timestamp: String(timestamp), signature }), undefined);
  });

  it('may be several: of the old and the new secret, in any order', () => {
    const next = newSigningSecret(nodeMac);
    const both = signed({}, [secret, next]);
    assert.equal(both.signature.split(' ').length, 2);
    assert.equal(problem(both), undefined);
    assert.equal(problem(both, { secrets: [next] }), undefined);
    assert.equal(problem(signed({}, [next]), { secrets: [secret, next] }), undefined);
    assert.equal(problem(signed({}, [next])), 'wrong');
    assert.equal(problem(both, { secrets: [] }), 'wrong');
  });

  it('are good for five minutes either way', () => {
    const at = Date.parse('2026-03-02T12:00:00Z');
    const one = sign(nodeMac, [secret], { id: 'x', body, now: at });
    for (const off of [-300_000, 0, 300_000])
      assert.equal(problem(one, { now: at + off }), undefined);
    for (const off of [-300_001, 300_001]) assert.equal(problem(one, { now: at + off }), 'stale');
  });

  it('are wrong when anything is changed', () => {
    const { signature, timestamp } = signed();
    assert.equal(problem(signed({ id: 'msg_2' })), 'wrong');
    assert.equal(problem(signed({ timestamp: timestamp + 1 })), 'wrong');
    assert.equal(problem(signed({ signature: signature.replace('v1,', 'v2,') })), 'wrong');
    assert.equal(problem(signed({ signature: signature.slice(0, -1) })), 'wrong');
    assert.equal(problem(signed({ signature: '' })), 'wrong');
    assert.equal(problem(signed(), { body: `${body} ` }), 'wrong');
    fc.assert(
      fc.property(fc.nat({ max: 46 }), fc.nat({ max: 127 }), (at, code) => {
        const other = String.fromCharCode(code);
        const changed = signature.slice(0, at) + other + signature.slice(at + 1);
        assert.equal(problem(signed({ signature: changed })) === undefined, changed === signature);
      }),
    );
  });

  it('are malformed when they are not { id, timestamp, signature }', () => {
    for (const value of [null, 'v1,abc', [], {}, 7]) assert.equal(problem(value), 'malformed');
    for (const id of ['', 'a.b', 'a b', 'x'.repeat(129), 'ä', 5, undefined])
      assert.equal(problem({ ...signed(), id }), 'malformed', String(id));
    for (const timestamp of [1.5, -1, 'soon', '1e9', NaN, 2 ** 60, null])
      assert.equal(problem({ ...signed(), timestamp }), 'malformed', String(timestamp));
    assert.equal(problem({ ...signed(), signature: 'x'.repeat(1_025) }), 'malformed');
    assert.deepEqual(
      readSignature({ ...signed(), more: 1 }),
      signed({ timestamp: signed().timestamp }),
    );
  });

  it('look at ten signatures at most', () => {
    const { signature } = signed();
    const after = (count: number): string => `${'v1,x '.repeat(count)}${signature}`;
    assert.equal(problem(signed({ signature: after(9) })), undefined);
    assert.equal(problem(signed({ signature: after(10) })), 'wrong');
  });

  it('secrets are whsec_ and 24 to 64 bytes in base64', () => {
    const of = (bytes: number): string => `whsec_${Buffer.alloc(bytes, 7).toString('base64')}`;
    for (const bytes of [24, 32, 64]) assert.ok(isSigningSecret(of(bytes)), `${bytes}`);
    for (const bytes of [0, 23, 65]) assert.ok(!isSigningSecret(of(bytes)), `${bytes}`);
    for (const text of ['', 'abc', of(32).slice(6), `${of(32)}=`, 5])
      assert.ok(!isSigningSecret(text));
    assert.ok(isSigningSecret(secret));
    assert.notEqual(newSigningSecret(nodeMac), secret);
  });
});
