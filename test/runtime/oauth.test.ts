import assert from 'node:assert/strict';
import { createHmac, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, exportSPKI, generateKeyPair, importJWK, SignJWT } from 'jose';
import { connectAsync, type MqttClient } from 'mqtt';
import { WebSocket } from 'ws';
import type { AuditEvent } from '../../nodes/core/security/audit.ts';
import { createHub, type Hub } from '../../nodes/runtime/hub.ts';
import { mountHub } from '../../nodes/runtime/mount.ts';
import { oauthSettingsFrom, type OAuthFields } from '../../nodes/runtime/oauth-settings.ts';
import type { HubSettings } from '../../nodes/runtime/settings.ts';
import { esp32 } from '../support/hub-client.ts';
import { startOAuthServer, type OAuthServer } from '../support/oauth-server.ts';
import { method } from '../support/rpc-rig.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const registration = { id: 'registration', role: 'device', registration: true } as const;
const adminKey = 'admin-key-of-this-test';
const reader = { claims: { llm_iot_role: 'llm_read' } };
const closeOf = (client: MqttClient): Promise<unknown> =>
  new Promise((resolve) => client.once('close', () => resolve(undefined)));
const seconds = (): number => Math.floor(Date.now() / 1000);
const base64url = (value: object): string =>
  Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a hub that takes access tokens of an OAuth server', () => {
  let oauth: OAuthServer;
  let hub: Hub;
  let server: Server;
  let dataDir: string;
  let url: string;
  let audience: string;
  const told: AuditEvent[] = [];

  const startHub = async (fields: OAuthFields = {}): Promise<void> => {
    dataDir = await mkdtemp(join(tmpdir(), 'llm-iot-oauth-'));
    server = createServer((_req, res) => res.writeHead(404).end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    audience = `${url}/rpc`;
    const paths = { rpcPath: '/rpc', wsPath: '/ws', metricsPath: '/metrics' };
    const settings: HubSettings = {
      ...{ dataDir, ...paths, heartbeatInterval: 60, telemetryInterval: 60 },
      ...{ commandTimeoutMs: 1_000, settleTimeoutMs: 1_000, unknownTypes: 'learn' },
      ...{ deviceKeyDays: 0, maxDevices: 10, adminKey, registrationKey: undefined, secretKey: {} },
      oauth: oauthSettingsFrom(
        { oauthIssuers: oauth.issuer, ...fields },
        {},
        { baseUrl: url, ...paths },
      ),
      broker: { kind: 'embedded', host: '127.0.0.1', port: 0 },
      store: { kind: 'sqlite', file: '', retention: { by_type: {} } },
    };
    hub = await createHub(settings, silent);
    mountHub(hub, settings, server);
    for (const roles of [['llm_read'], ['llm_write'], ['device']] as const) {
      hub.methods.declare(method(`test.${roles[0]}`, { roles: [...roles] }), (call) =>
        hub.dispatcher.settle(call.id, { result: { principal: call.principal } }),
      );
    }
    told.length = 0;
    hub.audit.listen((event) => told.push(event));
  };
  const stopHub = async (): Promise<void> => {
    await hub.close();
    server.closeAllConnections();
    server.close();
    await rm(dataDir, { recursive: true, force: true });
  };

  const call = async (token: string | undefined, name = 'test.llm_read') => {
    const response = await fetch(`${url}/rpc`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: name, params: {} }),
    });
    return {
      status: response.status,
      challenge: response.headers.get('www-authenticate'),
      body: (await response.json()) as {
        result?: { principal: Record<string, unknown> };
        error?: { code: number; data: { reason: string; retry_after_ms?: number } };
      },
    };
  };
  /** What was told of tokens that were refused. */
  const refusals = (): AuditEvent[] => told.filter(({ subject }) => subject === 'token');
  const metadataUrl = (path: string): string =>
    `${url}/.well-known/oauth-protected-resource${path}`;
  /** Claims that hold, to be spoilt. */
  const claims = (more: object = {}): object => ({
    ...{ iss: oauth.issuer, aud: audience, sub: 'mallory', llm_iot_role: 'llm_admin' },
    ...{ iat: seconds(), exp: seconds() + 60 },
    ...more,
  });

  before(async () => {
    oauth = await startOAuthServer();
  });
  after(() => oauth.stop());

  describe('with the defaults', () => {
    before(() => startHub());
    after(stopHub);
    beforeEach(() => {
      told.length = 0;
    });

    it('a token the server gave out for the hub lets its holder do what the role may', async () => {
      const token = await oauth.token(audience, reader);
      const { status, body } = await call(token);
      assert.equal(status, 200);
      const { principal } = body.result!;
      assert.match(String(principal['id']), /^token:[0-9a-f]{32}$/);
      assert.equal(principal['role'], 'llm_read');
      assert.equal(principal['name'], 'test-client');
      assert.equal(principal['means'], 'token');
      const again = await call(await oauth.token(audience, reader));
      assert.equal(again.body.result!.principal['id'], principal['id']);
    });

    it('the hub is meant by its address, its RPC path and its live path, and by nothing else', async () => {
      for (const resource of [url, `${url}/rpc`, `${url}/ws`]) {
        assert.equal((await call(await oauth.token(resource, reader))).status, 200, resource);
      }
      const { status } = await call(await oauth.token('https://another.example/rpc', reader));
      assert.equal(status, 401);
    });

    it('what the role may not do is refused with 403 and insufficient_scope', async () => {
      const answer = await call(await oauth.token(audience, reader), 'test.llm_write');
      assert.equal(answer.status, 403);
      assert.equal(answer.body.error?.code, -32005);
      assert.equal(
        answer.challenge,
        `Bearer error="insufficient_scope", resource_metadata="${metadataUrl('/rpc')}"`,
      );
      const metrics = await fetch(`${url}/metrics`, {
        headers: { authorization: `Bearer ${await oauth.token(audience, reader)}` },
      });
      assert.equal(metrics.status, 200);
    });

    it('a claim with a scope narrows the holder, and one that cannot be read is refused', async () => {
      const scope = { methods: ['test.*'], read_window: '7d' };
      const narrowed = await call(
        await oauth.token(audience, { claims: { ...reader.claims, llm_iot_scope: scope } }),
      );
      assert.deepEqual(narrowed.body.result?.principal['scope'], scope);
      for (const bad of ['all', ['test.*'], { method: ['test.*'] }, { methods: [] }, null]) {
        const token = await oauth.token(audience, {
          claims: { ...reader.claims, llm_iot_scope: bad },
        });
        assert.equal((await call(token)).status, 401, JSON.stringify(bad));
      }
    });

    it('without a token the answer says where tokens are given out (RFC 9728)', async () => {
      const { status, challenge } = await call(undefined);
      assert.equal(status, 401);
      assert.equal(challenge, `Bearer resource_metadata="${metadataUrl('/rpc')}"`);
      for (const path of ['', '/rpc', '/ws', '/metrics']) {
        const response = await fetch(metadataUrl(path));
        assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8');
        const metadata = (await response.json()) as Record<string, unknown>;
        assert.equal(metadata['resource'], url + path);
        assert.deepEqual(metadata['authorization_servers'], [oauth.issuer]);
        assert.deepEqual(metadata['bearer_methods_supported'], ['header']);
      }
      assert.equal((await fetch(metadataUrl(''), { method: 'POST' })).status, 405);
      assert.equal((await fetch(metadataUrl('/other'))).status, 404);
      const metrics = await fetch(`${url}/metrics`);
      assert.equal(
        metrics.headers.get('www-authenticate'),
        `Bearer resource_metadata="${metadataUrl('/metrics')}"`,
      );
    });

    it('a client that knows nothing but the address of the hub finds its way to a token', async () => {
      const { challenge } = await call(undefined);
      const found = /resource_metadata="([^"]+)"/.exec(challenge!)![1]!;
      const metadata = (await (await fetch(found)).json()) as {
        resource: string;
        authorization_servers: string[];
      };
      assert.equal(metadata.authorization_servers[0], oauth.issuer);
      assert.equal((await call(await oauth.token(metadata.resource, reader))).status, 200);
    });

    it('keys go on beside tokens', async () => {
      assert.equal((await call(adminKey)).status, 200);
      const wrong = await call('llm_read_wrong-key');
      assert.equal(wrong.status, 401);
      assert.match(wrong.challenge!, /^Bearer error="invalid_token", resource_metadata="/);
      assert.deepEqual(refusals(), [], 'a wrong key is no token');
    });

    it('WebSocket: a token is taken in the header or as subprotocol, and a bad one refused with 401', async () => {
      const token = await oauth.token(`${url}/ws`, reader);
      const wsUrl = `${url.replace('http', 'ws')}/ws`;
      const connect = [
        () => new WebSocket(wsUrl, { headers: { authorization: `Bearer ${token}` } }),
        () => new WebSocket(wsUrl, ['llm-iot', `bearer.${token}`]),
      ];
      for (const open of connect) {
        const socket = open();
        await once(socket, 'open');
        socket.send('{"jsonrpc":"2.0","id":1,"method":"test.llm_read","params":{}}');
        const [data] = (await once(socket, 'message')) as [Buffer];
        assert.match(data.toString(), /"role":"llm_read"/);
        socket.terminate();
      }
      const refused = new WebSocket(wsUrl, { headers: { authorization: `Bearer ${token}x` } });
      const [, response] = (await once(refused, 'unexpected-response')) as [
        unknown,
        { statusCode: number; headers: Record<string, string> },
      ];
      assert.equal(response.statusCode, 401);
      assert.equal(
        response.headers['www-authenticate'],
        `Bearer error="invalid_token", resource_metadata="${metadataUrl('/ws')}"`,
      );
      refused.once('error', () => undefined).terminate();
    });

    it('MQTT: the password is the token, the user name is token', async () => {
      const token = await oauth.token(audience, { claims: { llm_iot_role: 'llm_admin' } });
      const options = { reconnectPeriod: 0, protocolVersion: 5 } as const;
      const client = await connectAsync(hub.mqtt.url, {
        ...options,
        username: 'token',
        password: token,
      });
      const [granted] = await client.subscribeAsync('llm-iot/#');
      assert.equal(granted?.qos, 0);
      await client.endAsync(true);
      for (const [username, password] of [
        ['admin', token],
        ['token', `${token}x`],
        ['token', adminKey],
      ] as const) {
        await assert.rejects(
          connectAsync(hub.mqtt.url, { ...options, username, password }, false),
          /not authorized|bad user ?name/i,
        );
      }
    });

    describe('refuses, tells the audit trail and lives on:', () => {
      /** The key that verifies, used as if it were a shared secret. */
      const confused = (secret: string): string => {
        const signed = `${base64url({ alg: 'HS256', typ: 'at+jwt', kid: oauth.signingKey().jwk.kid })}.${base64url(claims())}`;
        return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
      };
      const unsigned = (header: object, payload = claims()): string =>
        `${base64url(header)}.${base64url(payload)}.`;
      /** Texts as they are, signed by the server's key. */
      const signText = (
        header = JSON.stringify({ alg: 'RS256', typ: 'at+jwt', kid: oauth.signingKey().jwk.kid }),
        payload = JSON.stringify(claims()),
      ): string => {
        const signed = [header, payload].map((part) => Buffer.from(part).toString('base64url'));
        const text = Buffer.from(signed.join('.'));
        const signature = sign('RSA-SHA256', text, oauth.signingKey().privateKey);
        return [...signed, signature.toString('base64url')].join('.');
      };
      const own = async (header: (jwk: object) => object): Promise<string> => {
        const pair = await generateKeyPair('RS256', { extractable: true });
        const jwk = { ...(await exportJWK(pair.publicKey)), alg: 'RS256', use: 'sig', kid: 'own' };
        return new SignJWT({ ...claims() })
          .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', ...header(jwk) })
          .sign(pair.privateKey);
      };
      /** The parts of a good token, put together again after a change. */
      const changed = async (
        change: (parts: [string, string, string]) => [string, string, string],
      ): Promise<string> => {
        const parts = (await oauth.sign(claims({ llm_iot_role: 'llm_read' }))).split('.');
        return change(parts as [string, string, string]).join('.');
      };

      const attacks: [title: string, make: () => string | Promise<string>, reason: RegExp][] = [
        ['alg none', () => unsigned({ alg: 'none', typ: 'at+jwt' }), /algorithm .* not allowed/],
        ['alg nOnE', () => unsigned({ alg: 'nOnE', typ: 'at+jwt' }), /algorithm .* not allowed/],
        [
          'alg none with a signature that was taken off',
          () => changed(([, payload]) => [base64url({ alg: 'none', typ: 'at+jwt' }), payload, '']),
          /algorithm .* not allowed/,
        ],
        [
          'HS256 with the public key (PEM) as secret',
          async () =>
            confused(await exportSPKI((await importJWK(oauth.signingKey().jwk)) as CryptoKey)),
          /algorithm .* not allowed/,
        ],
        [
          'HS256 with the public key (JWK) as secret',
          () => confused(JSON.stringify(oauth.signingKey().jwk)),
          /algorithm .* not allowed/,
        ],
        [
          'another algorithm of the same key than the allowed',
          () => oauth.sign(claims(), { alg: 'RS512' }),
          /algorithm .* not allowed/,
        ],
        [
          'another algorithm than the key is for',
          () => oauth.sign(claims(), { alg: 'PS256' }),
          /no key of the issuer|malformed/,
        ],
        [
          'an audience that is not the hub, from the server itself',
          () => oauth.token('https://another.example/rpc', reader),
          /another audience/,
        ],
        ['no audience', () => oauth.sign(claims({ aud: undefined })), /no aud/],
        [
          'another issuer',
          () => oauth.sign(claims({ iss: 'https://evil.example' })),
          /issuer .* not trusted/,
        ],
        [
          'an issuer with a slash more',
          () => oauth.sign(claims({ iss: `${oauth.issuer}/` })),
          /issuer .* not trusted/,
        ],
        [
          'an issuer that is no text',
          () => oauth.sign(claims({ iss: [oauth.issuer] })),
          /issuer .* not trusted/,
        ],
        ['expired', () => oauth.sign(claims({ exp: seconds() - 60 })), /expired/],
        ['no end', () => oauth.sign(claims({ exp: undefined })), /no exp/],
        ['an end that is no number', () => oauth.sign(claims({ exp: '9999999999' })), /wrong exp/],
        ['an end beyond all dates', () => oauth.sign(claims({ exp: 1e300 })), /never ends/],
        ['not yet valid', () => oauth.sign(claims({ nbf: seconds() + 90 })), /not valid yet/],
        [
          'issued in the future',
          () => oauth.sign(claims({ iat: seconds() + 90 })),
          /issued in the future/,
        ],
        ['no subject', () => oauth.sign(claims({ sub: undefined })), /no sub/],
        ['an empty subject', () => oauth.sign(claims({ sub: '' })), /no subject/],
        ['a subject that is no text', () => oauth.sign(claims({ sub: 7 })), /no subject/],
        [
          'a payload that was changed',
          () => changed(([header, , signature]) => [header, base64url(claims()), signature]),
          /signature/,
        ],
        [
          'a signature that was cut',
          () => changed(([header, payload, signature]) => [header, payload, signature.slice(0, 9)]),
          /signature|malformed/,
        ],
        [
          'jwk: a key the token brings along',
          () => own((jwk) => ({ jwk })),
          /no key of the issuer|signature/,
        ],
        [
          'jwk beside the name of a key of the issuer',
          () => own((jwk) => ({ jwk, kid: oauth.signingKey().jwk.kid })),
          /signature/,
        ],
        ['crit', () => oauth.sign(claims(), { crit: ['b64'], b64: true }), /extension/],
        [
          'an unknown name of a key',
          () => own(() => ({ kid: '../../dev/null' })),
          /no key of the issuer/,
        ],
        ['an id token (type JWT)', () => oauth.sign(claims(), { typ: 'JWT' }), /not of the type/],
        ['another type', () => oauth.sign(claims(), { typ: 'dpop+jwt' }), /not of the type/],
        [
          'a claim that stands twice, signed by the server',
          () => signText(undefined, `${JSON.stringify(claims()).slice(0, -1)},"sub":"admin"}`),
          /malformed/,
        ],
        [
          'a header that stands twice, signed by the server',
          () => signText('{"alg":"none","typ":"at+jwt","alg":"RS256"}'),
          /malformed/,
        ],
        ['parts that are no JSON', () => 'eyJ.eyJ.eyJ', /malformed/],
        ['a payload that is a list', () => `${base64url({ alg: 'RS256' })}.W10.x`, /malformed/],
        ['a role nobody mapped', () => oauth.sign(claims({ llm_iot_role: 'root' })), /roles/],
        ['no role', () => oauth.sign(claims({ llm_iot_role: undefined })), /roles/],
        [
          'the role device, without a setting for it',
          () => oauth.sign(claims({ llm_iot_role: 'device', device_id: 'x' })),
          /roles/,
        ],
        [
          'a token that is bound to a key (cnf)',
          () => oauth.sign(claims({ cnf: { jkt: 'thumbprint' } })),
          /bound to a key/,
        ],
        [
          'a token of ten thousand characters',
          () => oauth.sign(claims({ padding: 'x'.repeat(7_000) })),
          /longer than 8192/,
        ],
      ];
      for (const [title, make, reason] of attacks) {
        it(title, async () => {
          const token = await make();
          const { status, challenge, body } = await call(token, 'test.llm_write');
          assert.equal(status, 401);
          assert.equal(body.error?.code, -32005);
          assert.equal(
            challenge,
            `Bearer error="invalid_token", resource_metadata="${metadataUrl('/rpc')}"`,
          );
          const [event, ...more] = refusals();
          assert.deepEqual(more, []);
          assert.equal(event?.action, 'authentication');
          assert.equal(event.outcome, 'refused');
          assert.equal(event.transport, 'http');
          assert.equal(event.address, '127.0.0.1');
          assert.match(event.reason!, reason);
          const record = JSON.stringify(told);
          for (const part of token.split('.').filter(({ length }) => length > 8)) {
            assert.ok(!record.includes(part), 'the token is on record');
          }
        });
      }

      it('over WebSocket and MQTT too', async () => {
        const bad = await oauth.sign(claims({ exp: seconds() - 60 }));
        const huge = `${bad}${'x'.repeat(60_000)}`;
        const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, [
          'llm-iot',
          `bearer.${bad}`,
        ]);
        await once(socket, 'unexpected-response');
        socket.once('error', () => undefined).terminate();
        for (const password of [bad, huge]) {
          const options = { username: 'token', password, reconnectPeriod: 0 };
          await assert.rejects(connectAsync(hub.mqtt.url, options, false));
        }
        assert.deepEqual(
          refusals().map(({ transport, reason }) => [transport, reason]),
          [
            ['websocket', 'the token has expired'],
            ['mqtt', 'the token has expired'],
            ['mqtt', 'the token is longer than 8192 characters'],
          ],
        );
      });

      it('a header of a hundred thousand characters gets no further than the HTTP server', async () => {
        const response = await fetch(`${url}/rpc`, {
          method: 'POST',
          headers: { authorization: `Bearer ${await oauth.sign(claims())}${'x'.repeat(100_000)}` },
        });
        assert.equal(response.status, 431);
      });

      it('jku, x5u: an address the token names is never asked', async () => {
        let asked = 0;
        const pair = await generateKeyPair('RS256', { extractable: true });
        const jwk = { ...(await exportJWK(pair.publicKey)), alg: 'RS256', kid: 'own' };
        const trap = createServer((_req, res) => {
          asked += 1;
          res.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }));
        }).listen(0, '127.0.0.1');
        await once(trap, 'listening');
        const place = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/jwks`;
        for (const header of [{ jku: place }, { x5u: place }, { jku: place, kid: 'own' }]) {
          const token = await new SignJWT({ ...claims() })
            .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', ...header })
            .sign(pair.privateKey);
          assert.equal((await call(token)).status, 401);
        }
        assert.equal(asked, 0);
        trap.close();
      });

      it('a good token is taken after all that', async () => {
        const good = signText(undefined, JSON.stringify(claims({ llm_iot_role: 'llm_read' })));
        assert.equal((await call(good)).status, 200);
        assert.equal((await call(await oauth.token(audience, reader))).status, 200);
      });
    });

    it('a storm of unknown keys asks the server for its keys once at most', async () => {
      await call(await oauth.token(audience, reader));
      const before = oauth.keyRequests();
      const storm = Array.from({ length: 200 }, async (_unused, index) =>
        call(await oauth.sign(claims(), { kid: `unknown-${index}` })),
      );
      for (const { status } of await Promise.all(storm)) assert.equal(status, 401);
      assert.ok(oauth.keyRequests() - before <= 1, `${oauth.keyRequests() - before} requests`);
    });
  });

  describe('with settings', () => {
    const clients: (() => void)[] = [];
    afterEach(async () => {
      for (const close of clients.splice(0)) close();
      await stopHub();
    });

    it('of several issuers each speaks for itself alone, also with keys of one name', async () => {
      const other = await startOAuthServer();
      try {
        await startHub({ oauthIssuers: `${oauth.issuer}, ${other.issuer}` });
        await other.rotate();
        const ids = new Set<unknown>();
        for (const server of [oauth, other]) {
          const { status, body } = await call(await server.token(audience, reader));
          assert.equal(status, 200);
          ids.add(body.result!.principal['id']);
        }
        assert.equal(ids.size, 2, 'the same subject of two issuers is two principals');
        const kid = oauth.signingKey().jwk.kid;
        assert.equal((await call(await other.sign(claims(), { kid }))).status, 401);
        assert.match(refusals().at(-1)!.reason!, /signature|no key/);
      } finally {
        await other.stop();
      }
    });

    it('roles come from the claim and the mapping that are set, in the order of the mapping', async () => {
      await startHub({
        oauthRoleClaim: 'realm_access.roles',
        oauthRoles: 'iot-writers=llm_write, iot-readers=llm_read',
        oauthAudience: 'the-hub',
      });
      const roleOf = async (roles: unknown): Promise<unknown> => {
        const { body } = await call(
          await oauth.sign(claims({ aud: ['x', 'the-hub'], realm_access: { roles } })),
          'test.llm_read',
        );
        return body.result?.principal['role'] ?? body.error?.data.reason;
      };
      assert.equal(await roleOf(['offline_access', 'iot-readers']), 'llm_read');
      assert.match(String(await roleOf(['iot-readers', 'iot-writers'])), /llm_write may not call/);
      assert.match(String(await roleOf(['llm_admin'])), /key/);
    });

    it('tokens of the type JWT are taken where that is set', async () => {
      await startHub({ oauthTokenTypes: 'jwt' });
      for (const typ of ['JWT', undefined, 'at+jwt', 'application/at+jwt']) {
        const token = await oauth.sign(claims({ llm_iot_role: 'llm_read' }), { typ });
        assert.equal((await call(token)).status, 200, String(typ));
      }
      assert.equal((await call(await oauth.sign(claims(), { typ: 'logout+jwt' }))).status, 401);
    });

    it('a device may come with a token where a claim with its id is set', async () => {
      await startHub({ oauthDeviceClaim: 'device', oauthRoles: 'sensor=device' });
      const { device_id: id } = await hub.devices.register(
        esp32() as Record<string, unknown>,
        registration,
      );
      const token = (device: unknown): Promise<string> =>
        oauth.sign(claims({ llm_iot_role: 'sensor', device }));
      const client = await connectAsync(hub.mqtt.url, {
        ...{ username: id, password: await token(id), protocolVersion: 5, reconnectPeriod: 0 },
      });
      clients.push(() => client.end(true));
      const [granted] = await client.subscribeAsync(`llm-iot/devices/${id}/command/request`);
      assert.equal(granted?.qos, 0);
      for (const other of ['no-such-device', undefined, ['x'], 7]) {
        assert.equal((await call(await token(other), 'test.device')).status, 401, String(other));
      }
      const gone = closeOf(client);
      await hub.removeDevice(id);
      await gone;
      assert.equal((await call(await token(id), 'test.device')).status, 401);
    });

    it('connections made with a token end when it expires', async () => {
      await startHub({ oauthTolerance: '0' });
      const exp = seconds() + 2;
      const token = await oauth.sign(claims({ exp }));
      const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, {
        headers: { authorization: `Bearer ${token}` },
      });
      const closed = once(socket, 'close') as Promise<[number, Buffer]>;
      const mqtt: MqttClient = await connectAsync(hub.mqtt.url, {
        ...{ username: 'token', password: token, protocolVersion: 5, reconnectPeriod: 0 },
      });
      clients.push(
        () => socket.terminate(),
        () => mqtt.end(true),
      );
      const ended = closeOf(mqtt);
      const [code] = await closed;
      await ended;
      assert.equal(code, 1008);
      assert.ok(Date.now() >= exp * 1000);
      assert.equal((await call(token)).status, 401);
    });

    it('behind a proxy the metadata have the public address', async () => {
      await startHub({ oauthPublicUrl: 'https://hub.example/iot/' });
      const { challenge } = await call(undefined);
      const expected = 'https://hub.example/.well-known/oauth-protected-resource/iot/rpc';
      assert.equal(challenge, `Bearer resource_metadata="${expected}"`);
      const metadata = await (await fetch(url + new URL(expected).pathname)).json();
      assert.equal((metadata as { resource: string }).resource, 'https://hub.example/iot/rpc');
      const token = await oauth.token('https://hub.example/iot/rpc', reader);
      assert.equal((await call(token)).status, 200);
    });

    it('while the server is away known keys go on, unknown ones are refused, and nothing hangs', async () => {
      await startHub();
      const token = await oauth.token(audience, reader);
      assert.equal((await call(token)).status, 200);
      const unknown = await oauth.sign(claims(), { kid: 'unknown' });
      await oauth.stop();
      try {
        assert.equal((await call(token)).status, 200);
        assert.equal((await call(unknown)).status, 401);
        assert.equal((await call(token)).status, 200);
      } finally {
        await oauth.restart();
      }
    });

    it('a server that is away when the hub starts is no reason not to start', async () => {
      const token = await oauth.token(`https://hub.example`, reader);
      await oauth.stop();
      try {
        await startHub({ oauthPublicUrl: 'https://hub.example' });
        const answer = await call(token);
        assert.equal(answer.status, 429);
        assert.equal(answer.body.error?.code, -32006);
        assert.match(answer.body.error.data.reason, /keys of the issuer cannot be read/);
        assert.ok(answer.body.error.data.retry_after_ms! <= 30_000);
        assert.match(refusals().at(-1)!.reason!, /keys of the issuer cannot be read/);
        assert.deepEqual(
          told.filter(({ outcome }) => outcome === 'failed'),
          [],
          'nobody is taken for one who guesses',
        );
        const forged = token.replace(/\.[^.]*$/, '.x');
        assert.equal((await call(forged)).status, 429);
        assert.equal((await call(adminKey)).status, 200);
      } finally {
        await oauth.restart();
      }
    });
  });

  it('without an issuer the hub takes no token and tells of none', async () => {
    await startHub({ oauthIssuers: '' });
    const { status, challenge } = await call(await oauth.token(audience, reader));
    assert.equal(status, 401);
    assert.equal(challenge, 'Bearer error="invalid_token"');
    assert.equal((await fetch(metadataUrl(''))).status, 404);
    await stopHub();
  });
});
