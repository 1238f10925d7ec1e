import assert from 'node:assert/strict';
import { oauthSettingsFrom, type OAuthFields } from '../../nodes/runtime/oauth-settings.ts';

const issuer = 'https://login.example/realms/iot';
const place = { baseUrl: 'http://127.0.0.1:1880', rpcPath: '/rpc', wsPath: '/ws' };
const read = (fields: OAuthFields, env: Record<string, string> = {}) =>
  oauthSettingsFrom(fields, env, place);

describe('the settings of OAuth', () => {
  it('an issuer is enough', () => {
    assert.deepEqual(read({ oauthIssuers: issuer }), {
      issuers: [{ issuer }],
      audiences: [
        'http://127.0.0.1:1880',
        'http://127.0.0.1:1880/',
        'http://127.0.0.1:1880/rpc',
        'http://127.0.0.1:1880/ws',
      ],
      publicUrl: 'http://127.0.0.1:1880',
      algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      anyType: false,
      toleranceSeconds: 30,
      roleClaim: 'llm_iot_role',
      roles: ['llm_admin', 'llm_write', 'llm_read', 'user_operator', 'user_viewer'].map((role) => [
        role,
        role,
      ]),
      scopeClaim: 'llm_iot_scope',
    });
  });

  it('without one there is no OAuth, whatever else is set, also in flows of before', () => {
    assert.equal(read({}), undefined);
    assert.equal(read({ oauthIssuers: ' , ', oauthAudience: 'hub' }), undefined);
  });

  it('come from the form, and where it is blank from the environment', () => {
    const env = {
      LLM_IOT_OAUTH_ISSUERS: `${issuer} https://keys.example/jwks, https://other.example/`,
      LLM_IOT_OAUTH_AUDIENCE: 'hub, https://hub.example',
      LLM_IOT_OAUTH_PUBLIC_URL: 'https://hub.example/iot/',
      LLM_IOT_OAUTH_ROLE_CLAIM: 'realm_access.roles',
      LLM_IOT_OAUTH_ROLES: 'urn:x=y=llm_write, everybody = llm_read, sensors=device',
      LLM_IOT_OAUTH_ALGORITHMS: 'ES384',
      LLM_IOT_OAUTH_TOKEN_TYPES: 'jwt',
      LLM_IOT_OAUTH_TOLERANCE: '0',
      LLM_IOT_OAUTH_DEVICE_CLAIM: 'device_id',
    };
    const all = {
      issuers: [
        { issuer, jwksUri: 'https://keys.example/jwks' },
        { issuer: 'https://other.example/' },
      ],
      audiences: ['hub', 'https://hub.example'],
      publicUrl: 'https://hub.example/iot',
      algorithms: ['ES384'],
      anyType: true,
      toleranceSeconds: 0,
      roleClaim: 'realm_access.roles',
      roles: [
        ['urn:x=y', 'llm_write'],
        ['everybody', 'llm_read'],
        ['sensors', 'device'],
      ],
      scopeClaim: 'llm_iot_scope',
      deviceIdClaim: 'device_id',
    };
    assert.deepEqual(read({}, env), all);
    assert.deepEqual(read({ oauthTolerance: 120, oauthAudience: 'mine' }, env), {
      ...all,
      toleranceSeconds: 120,
      audiences: ['mine'],
    });
  });

  const wrong: [fields: OAuthFields, reason: RegExp][] = [
    [{ oauthIssuers: 'http://login.example' }, /must begin with https/],
    [{ oauthIssuers: 'login.example' }, /must begin with https/],
    [{ oauthIssuers: `${issuer} http://keys.example` }, /must begin with https/],
    [{ oauthIssuers: `${issuer} https://keys.example more` }, /more than an issuer/],
    [{ oauthIssuers: `${issuer}?tenant=1` }, /no \? and no #/],
    [{ oauthIssuers: `${issuer}, ${issuer}` }, /twice/],
    [{ oauthPublicUrl: 'hub.example' }, /public address/],
    [{ oauthPublicUrl: 'ftp://hub.example' }, /public address/],
    [{ oauthPublicUrl: 'http://hub.example' }, /overheard/],
    [{ oauthPublicUrl: 'https://hub.example/"x' }, /public address/],
    [{ oauthAlgorithms: 'none' }, /"none"/],
    [{ oauthAlgorithms: 'RS256, HS256' }, /"HS256"/],
    [{ oauthTokenTypes: 'opaque' }, /at\+jwt or jwt/],
    [{ oauthTolerance: '121' }, /0 to 120/],
    [{ oauthTolerance: -1 }, /0 to 120/],
    [{ oauthTolerance: 'x' }, /0 to 120/],
    [{ oauthRoles: 'readers' }, /readers/],
    [{ oauthRoles: 'readers=root' }, /there are device, llm_read/],
    [{ oauthRoles: '=llm_read' }, /must be like/],
    [{ oauthRoles: 'sensors=device' }, /need a claim/],
  ];
  for (const [fields, reason] of wrong)
    it(`refuses ${JSON.stringify(fields)}`, () => {
      assert.throws(() => read({ oauthIssuers: issuer, ...fields }), reason);
    });
});
