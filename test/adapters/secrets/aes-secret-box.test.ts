import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { createAesSecretBox, keyIdOf } from '../../../nodes/adapters/secrets/aes-secret-box.ts';
import { isSealed, sealedWith } from '../../../nodes/core/security/sealed.ts';

const [key, other] = [randomBytes(32), randomBytes(32)];
const box = createAesSecretBox([key]);

describe('a secret box', () => {
  it('opens what it sealed, whatever the text and the purpose', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.string({ unit: 'grapheme', maxLength: 20 }),
        (text, purpose) => {
          const sealed = box.seal(text, purpose);
          assert.ok(isSealed(sealed), sealed);
          assert.equal(box.open(sealed, purpose), text);
        },
      ),
    );
  });

  it('shows version and key id, never the same text twice, and nothing of the secret', () => {
    const sealed = box.seal('hunter2hunter2', 'p');
    assert.ok(sealed.startsWith(`sealed:v1:${keyIdOf(key)}:`));
    assert.equal(sealedWith(sealed), box.keyId);
    assert.notEqual(box.seal('hunter2hunter2', 'p'), sealed);
    const bytes = Buffer.from(sealed.slice(sealed.lastIndexOf(':') + 1), 'base64url');
    assert.ok(!bytes.includes('hunter2'));
  });

  it('opens nothing for another purpose, with another key, or from another version', () => {
    const sealed = box.seal('secret', 'signing:a');
    assert.throws(() => box.open(sealed, 'signing:b'), /another purpose/);
    assert.throws(() => createAesSecretBox([other]).open(sealed, 'signing:a'), /does not have/);
    assert.throws(() => box.open(sealed.replace(':v1:', ':v2:'), 'signing:a'), /no sealed secret/);
    assert.throws(() => box.open('secret', 'signing:a'), /no sealed secret/);
  });

  it('opens nothing of which a single bit was changed, and nothing that claims another key', () => {
    const both = createAesSecretBox([key, other]);
    const sealed = both.seal('secret', 'p');
    const head = sealed.slice(0, sealed.lastIndexOf(':') + 1);
    const bytes = Buffer.from(sealed.slice(head.length), 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.throws(() => both.open(head + changed.toString('base64url'), 'p'), Error);
    }
    assert.throws(() => both.open(sealed.replace(keyIdOf(key), keyIdOf(other)), 'p'), /changed/);
  });

  it('seals with the first of its keys, opens with all, and seals anew what another one sealed', () => {
    const next = createAesSecretBox([other, key]);
    const sealed = box.seal('secret', 'p');
    assert.equal(next.open(sealed, 'p'), 'secret');
    const again = next.reseal(sealed);
    assert.equal(sealedWith(again), keyIdOf(other));
    assert.equal(createAesSecretBox([other]).open(again, 'p'), 'secret');
    assert.equal(next.reseal(again), again);
  });

  it('takes no purpose beyond 255 bytes', () => {
    assert.doesNotThrow(() => box.seal('', 'x'.repeat(255)));
    assert.throws(() => box.seal('', 'x'.repeat(256)), /255/);
  });
});
