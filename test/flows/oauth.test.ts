import assert from 'node:assert/strict';
import { ask, call, esp32, openSocket } from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import { startOAuthServer, type OAuthServer } from '../support/oauth-server.ts';

describe('the running hub with an OAuth server', () => {
  const hubUrl = 'https://hub.example';
  let oauth: OAuthServer;
  let hub: RunningHub;
  let ids: string[];
  before(async () => {
    oauth = await startOAuthServer();
    hub = await startHub({
      env: {
        LLM_IOT_OAUTH_ISSUERS: oauth.issuer,
        LLM_IOT_OAUTH_PUBLIC_URL: hubUrl,
        LLM_IOT_OAUTH_ROLE_CLAIM: 'realm_access.roles',
        LLM_IOT_OAUTH_ROLES: 'agents=llm_write, guests=llm_read',
      },
    });
    ids = [];
    for (const hardwareId of ['one', 'two']) {
      const { device_id: id } = await ask(
        hub,
        'device.register',
        esp32(hardwareId),
        hub.registrationKey,
      );
      ids.push(id);
    }
  });
  after(async () => {
    await hub.stop();
    await hub.cleanUp();
    await oauth.stop();
  });
  const tokenOf = (role: string, more: object = {}): Promise<string> =>
    oauth.token(`${hubUrl}/rpc`, { claims: { realm_access: { roles: [role] }, ...more } });
  const listed = ({ devices }: { devices: { device_id: string }[] }): string[] =>
    devices.map(({ device_id: id }) => id).sort();

  it('a token does what its role may in the flow of the hub, and no more', async () => {
    const agent = await tokenOf('agents');
    assert.deepEqual(listed(await ask(hub, 'device.list', {}, agent)), ids.toSorted());
    const rename = { device_id: ids[0], name: 'renamed' };
    assert.equal((await call(hub, 'device.update', rename, agent)).error, undefined);
    const guest = await call(hub, 'device.update', rename, await tokenOf('guests'));
    assert.equal(guest.error?.code, -32005);
    const stranger = await call(hub, 'device.list', {}, await tokenOf('strangers'));
    assert.equal(stranger.error?.code, -32005);
  });

  it('a token with a scope sees its devices alone, over HTTP and WebSocket', async () => {
    const token = await tokenOf('guests', { llm_iot_scope: { device_ids: [ids[0]] } });
    assert.deepEqual(listed(await ask(hub, 'device.list', {}, token)), [ids[0]]);
    assert.equal((await call(hub, 'device.get', { device_id: ids[1] }, token)).error?.code, -32000);
    const socket = await openSocket(hub, token);
    assert.deepEqual(listed((await socket.call('device.list')).result), [ids[0]]);
    await socket.close();
  });

  it('over MCP a token is as good, and one that is not enough learns which would be', async () => {
    const post = (token?: string): Promise<Response> =>
      fetch(`${hub.url}/mcp`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'tools/call',
          'mcp-name': 'device_execute',
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: {
            name: 'device_execute',
            arguments: { device_id: 'nobody', command: 'read' },
            _meta: {
              'io.modelcontextprotocol/protocolVersion': '2026-07-28',
              'io.modelcontextprotocol/clientCapabilities': {},
            },
          },
        }),
      });
    const metadata = `${hubUrl}/.well-known/oauth-protected-resource/mcp`;
    const none = await post();
    assert.equal(none.status, 401);
    assert.equal(none.headers.get('www-authenticate'), `Bearer resource_metadata="${metadata}"`);
    const guest = await post(await tokenOf('guests'));
    assert.equal(guest.status, 403);
    assert.equal(
      guest.headers.get('www-authenticate'),
      `Bearer error="insufficient_scope", scope="agents", resource_metadata="${metadata}"`,
    );
    const meant = { claims: { realm_access: { roles: ['agents'] } } };
    const agent = await post(await oauth.token(`${hubUrl}/mcp`, meant));
    assert.equal(agent.status, 200);
    const { result } = (await agent.json()) as { result: { isError: boolean } };
    assert.equal(result.isError, true);
    const path = '/.well-known/oauth-protected-resource/mcp';
    const told = (await (await fetch(hub.url + path)).json()) as Record<string, unknown>;
    assert.equal(told['resource'], `${hubUrl}/mcp`);
  });

  it('tells at its public address where tokens are given out', async () => {
    const path = '/.well-known/oauth-protected-resource/rpc';
    const response = await fetch(`${hub.url}/rpc`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"jsonrpc":"2.0","id":1,"method":"device.list"}',
    });
    assert.equal(response.status, 401);
    assert.equal(
      response.headers.get('www-authenticate'),
      `Bearer resource_metadata="${hubUrl}${path}"`,
    );
    const metadata = (await (await fetch(hub.url + path)).json()) as Record<string, unknown>;
    assert.equal(metadata['resource'], `${hubUrl}/rpc`);
    assert.deepEqual(metadata['authorization_servers'], [oauth.issuer]);
  });
});
