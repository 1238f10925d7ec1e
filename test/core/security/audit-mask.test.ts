import assert from 'node:assert/strict';
import {
  isSecretName,
  maskDetails,
  maskEntry,
  mostDetailBytes,
} from '../../../nodes/core/security/audit-mask.ts';

const hubKey = `llm_read_${'k'.repeat(43)}`;

describe('masking of what goes on record', () => {
  it('knows the names of secrets', () => {
    for (const name of [
      ...[
        'password',
        'Password',
        'wifi_password',
        'wifiPassword',
        'PASSPHRASE',
        'secret',
        'client-secret',
      ],
      ...[
        'token',
        'access_tokens',
        'api_key',
        'apiKey',
        'APIKEY',
        'key',
        'authorization',
        'private_key',
        'psk',
      ],
    ])
      assert.ok(isSecretName(name), name);
    for (const name of [
      'key_id',
      'token_ids',
      'keyboard',
      'monkey',
      'ssid',
      'level',
      'secretary',
      '',
    ])
      assert.ok(!isSecretName(name), name);
  });

  it('finds planted secrets by name and by form, wherever they stand', () => {
    const planted = 'PLANTED-hunter2';
    const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl';
    const pem = '-----BEGIN PRIVATE KEY-----\nPLANTED\n-----END PRIVATE KEY-----';
    const masked = JSON.stringify(
      maskEntry({
        action: 'command',
        outcome: 'ok',
        subject: `set ${hubKey}`,
        reason: `Authorization: Bearer ${planted}`,
        principal: { id: 'a', role: 'llm_admin', scope: { methods: ['x'] } },
        details: {
          arguments: { wifi: [{ ssid: 'home', psk: planted }], password: { of: planted } },
          result: { text: `the key is ${hubKey}, the token ${jwt}`, pem, apiKey: 12345678 },
          [hubKey]: 1,
        },
      }),
    );
    for (const secret of [planted, 'PLANTED', hubKey, jwt, '12345678', 'scope'])
      assert.ok(!masked.includes(secret), `${secret} in ${masked}`);
    assert.match(masked, /"ssid":"home"/);
  });

  it('hides a secret that is cut in the middle', () => {
    const { text } = maskDetails({ text: 'x'.repeat(490) + ' ' + hubKey });
    assert.ok(!String(text).includes('llm_read_'));
  });

  it('keeps details small and shallow, whatever they are', () => {
    let deep: Record<string, unknown> = { end: 1 };
    for (let i = 0; i < 1_000; i++) deep = { deep };
    for (const details of [
      { a: 'x'.repeat(1e6) },
      { a: '\u0000'.repeat(1e5), b: '€'.repeat(1e5) },
      { a: Array.from({ length: 1e5 }, (_, i) => i) },
      Object.fromEntries(
        Array.from({ length: 1e4 }, (_, i) => [`field ${i} \u0001`.repeat(20), '"'.repeat(99)]),
      ),
      deep,
    ]) {
      const bytes = Buffer.byteLength(JSON.stringify(maskDetails(details)));
      assert.ok(bytes <= mostDetailBytes && bytes > 2, `${bytes}`);
    }
    assert.deepEqual(maskDetails({ level: 3, on: true, of: null }), {
      level: 3,
      on: true,
      of: null,
    });
  });
});
