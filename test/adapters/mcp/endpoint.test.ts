import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Approvals } from '../../../nodes/adapters/mcp/confirmation.ts';
import type { McpLimits } from '../../../nodes/adapters/mcp/endpoint.ts';
import { ErrorCode, RpcError } from '../../../nodes/core/rpc/errors.ts';
import type { Principal } from '../../../nodes/core/security/types.ts';
import { createStreams } from '../../../nodes/core/stream/streams.ts';
import { createHubMcp, type HubMcp } from '../../../nodes/runtime/hub-mcp.ts';
import { systemClock, systemIds } from '../../../nodes/runtime/system.ts';
import { createDomain, createMemoryLog } from '../../support/domain.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { connectMcp, mcpClientKinds, type McpClientKind } from '../../support/mcp-client.ts';
import { createRpcRig, type RpcRig } from '../../support/rpc-rig.ts';
import { until } from '../../support/until.ts';

const principals: Record<string, Principal> = {
  one: { id: 'one', role: 'llm_write' },
  two: { id: 'two', role: 'llm_write' },
};

describe('the endpoint of MCP', function () {
  this.timeout(20_000);
  let rig: RpcRig;
  let clock: FakeClock;
  let mcp: HubMcp;
  let server: Server;
  let url: string;
  const log = createMemoryLog();

  const start = async (
    more: { limits?: Partial<McpLimits>; approvals?: Approvals; real?: boolean } = {},
  ): Promise<void> => {
    rig = createRpcRig(more.real ? { clock: systemClock } : {});
    clock = createFakeClock();
    const { registry: devices, events } = createDomain();
    mcp = createHubMcp({
      ...{ methods: rig.methods, dispatcher: rig.dispatcher, devices, events, ids: systemIds, log },
      ...more,
      streams: createStreams({ ids: systemIds, canSee: devices.canSee }),
      authenticate: ({ secret = '' }) => Promise.resolve(principals[secret]),
      stands: () => true,
      mayTake: () => Promise.resolve(),
      gate: { shut: () => undefined, open: () => undefined, whenOpen: () => Promise.resolve() },
      clock: more.real ? systemClock : clock,
    });
    server = createServer((req, res) => mcp.endpoint(req, res)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  };
  afterEach(async () => {
    await mcp.close();
    server.closeAllConnections();
    server.close();
  });

  const send = (key: string, message: object, headers: object = {}): Promise<Response> =>
    fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${key}`,
        ...headers,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }),
    });
  const open = async (key: string): Promise<string> => {
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'bare', version: '1' },
    };
    const response = await send(key, { method: 'initialize', params });
    await response.text();
    return response.headers.get('mcp-session-id')!;
  };
  const ping = async (key: string, session: string): Promise<number> => {
    const response = await send(key, { method: 'ping' }, { 'mcp-session-id': session });
    await response.text();
    return response.status;
  };
  const listen = (key: string): Promise<Response> => {
    const version = '2026-07-28';
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': version,
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const params = { notifications: { toolsListChanged: true }, _meta };
    const headers = { 'mcp-protocol-version': version, 'mcp-method': 'subscriptions/listen' };
    return send(key, { method: 'subscriptions/listen', params }, headers);
  };

  it('ends a session that nobody used, and the oldest where one principal has too many', async () => {
    await start({ limits: { sessionsPerPrincipal: 2, sessionIdleMs: 60_000 } });
    const [first, second] = [await open('one'), await open('one')];
    clock.advance(1_000);
    assert.equal(await ping('one', first), 200);
    await open('one');
    assert.equal(await ping('one', second), 404);
    assert.equal(await ping('one', first), 200);
    assert.equal(await ping('two', first), 404);
    const other = await open('two');
    assert.equal(await ping('two', other), 200);
    clock.advance(200_000);
    assert.equal(await ping('two', other), 404);
    assert.equal(mcp.stats().sessions, 0);
  });

  it('opens only so many streams of one principal, and closes them with its key', async () => {
    await start({ limits: { streamsPerPrincipal: 2 } });
    const streams = [await listen('one'), await listen('one')];
    const refused = await listen('one');
    assert.equal(refused.status, 429);
    await refused.text();
    assert.equal((await listen('two')).status, 200);
    assert.equal(mcp.stats().streams, 3);
    mcp.disconnect('one');
    for (const stream of streams) await stream.text().catch(() => 'cut');
    await until('only the other is left', () => mcp.stats().streams === 1);
  });

  it('takes no more resources for a stream than a client may watch', async () => {
    await start();
    const uris = Array.from({ length: 101 }, (_, i) => `iot://devices/${i}`);
    const params = { notifications: { resourceSubscriptions: uris } };
    const response = await send('one', { method: 'subscriptions/listen', params });
    assert.equal(response.status, 400);
    assert.match(await response.text(), /100 resources/);
  });

  it('warns when more than forty tools are offered', async () => {
    await start();
    for (let i = 0; i < 40; i++) rig.answer(`test.t${i}`, () => ({}), { tool: true });
    clock.advance(1_000);
    assert.deepEqual(mcp.problems(), []);
    rig.answer('test.t40', () => ({}), { tool: true });
    clock.advance(1_000);
    assert.match(mcp.problems()[0]!, /^41 methods are offered as tools/);
    assert.equal(log.lines.filter((line) => line.includes('41 methods')).length, 1);
  });

  describe('where a command waits for a person’s word', () => {
    let done: number;
    let granted: string[];
    let denied: string[];
    /** A method that is refused until its approval was granted. */
    const startWithApproval = async (): Promise<void> => {
      [done, granted, denied] = [0, [], []];
      await start({
        real: true,
        approvals: {
          question: (id) => (id === 'approval-1' ? 'erase at "Disk"' : undefined),
          grant: (id) => Promise.resolve(void granted.push(id)),
          deny: (id) => Promise.resolve(void denied.push(id)),
        },
      });
      const declaration = { tool: true, readOnly: false, roles: ['llm_write' as const] };
      rig.answer(
        'test.erase',
        () => {
          if (granted.length === 0)
            throw new RpcError(ErrorCode.Unauthorized, 'somebody has to say yes', {
              approval_id: 'approval-1',
              suggestions: ['wait'],
            });
          done += 1;
          return { erased: true };
        },
        declaration,
      );
    };
    const call = async (
      kind: McpClientKind,
      answer?: (message: string) => { action: string; content?: object },
    ) => {
      const client = await connectMcp(kind, { url, key: 'one', ...(answer && { answer }) });
      const result = await client.callTool('test_erase', {});
      await client.close();
      return result;
    };

    for (const kind of mcpClientKinds)
      describe(`a client, ${kind},`, () => {
        beforeEach(startWithApproval);

        it('that can ask its user does, and with a yes it is carried out once', async () => {
          const asked: string[] = [];
          const { structuredContent } = await call(kind, (message) => {
            asked.push(message);
            return { action: 'accept', content: { confirm: true } };
          });
          assert.deepEqual(structuredContent, { erased: true });
          assert.deepEqual(granted, ['approval-1']);
          assert.equal(done, 1);
          assert.equal(asked.length, 1);
          assert.match(asked[0]!, /erase at "Disk"/);
        });

        it('with a no nothing is done, and it is denied', async () => {
          for (const answer of [
            { action: 'decline' },
            { action: 'accept', content: { confirm: false } },
          ]) {
            const { isError } = await call(kind, () => answer);
            assert.equal(isError, true);
          }
          assert.deepEqual(granted, []);
          assert.deepEqual(denied, ['approval-1', 'approval-1']);
          assert.equal(done, 0);
        });

        it('without an answer nothing is done, and it can still be granted elsewhere', async () => {
          const { isError } = await call(kind, () => ({ action: 'cancel' }));
          assert.equal(isError, true);
          assert.deepEqual([granted, denied, done], [[], [], 0]);
        });

        it('that cannot ask gets the error with what to do', async () => {
          const { isError, structuredContent } = await call(kind);
          assert.equal(isError, true);
          const error = structuredContent!['error'] as Record<string, unknown>;
          assert.equal(error['code'], -32005);
          assert.equal(error['approval_id'], 'approval-1');
          assert.deepEqual([granted, denied, done], [[], [], 0]);
        });
      });

    it('an answer that was not asked for, or asked of somebody else, is worth nothing', async () => {
      await startWithApproval();
      const version = '2026-07-28';
      const erase = (key: string, more: object): Promise<Response> =>
        send(
          key,
          {
            method: 'tools/call',
            params: {
              name: 'test_erase',
              arguments: {},
              ...more,
              _meta: {
                'io.modelcontextprotocol/protocolVersion': version,
                'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
              },
            },
          },
          {
            'mcp-protocol-version': version,
            'mcp-method': 'tools/call',
            'mcp-name': 'test_erase',
          },
        );
      const yes = { confirmation: { action: 'accept', content: { confirm: true } } };
      const first = (await (await erase('one', {})).json()) as {
        result: { resultType: string; requestState: string };
      };
      assert.equal(first.result.resultType, 'input_required');
      const { requestState } = first.result;
      await (await erase('one', { inputResponses: yes })).text();
      await (await erase('two', { inputResponses: yes, requestState })).text();
      const forged = requestState.slice(0, -4) + 'AAAA';
      await (await erase('one', { inputResponses: yes, requestState: forged })).text();
      assert.deepEqual([granted, denied, done], [[], [], 0]);
      await (await erase('one', { inputResponses: yes, requestState })).text();
      assert.deepEqual([granted.length, done], [1, 1]);
    });
  });
});
