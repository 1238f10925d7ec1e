import assert from 'node:assert/strict';
import { createKey, type CreatedKey } from '../support/create-key.ts';
import {
  ask,
  deploy,
  esp32,
  eventually,
  getFlow,
  hubIsUp,
  joinDevice,
  temperature,
  type FlowNode,
  type TestDevice,
} from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import { connectMcp, mcpClientKinds, type TestMcpClient } from '../support/mcp-client.ts';

const declared = {
  commands: {
    set_level: {
      arguments: { type: 'object', properties: { level: { type: 'number', maximum: 10 } } },
    },
    erase: { destructive: true },
  },
};

/** A method that a person drags: it answers after so many milliseconds. */
const slowMethod = (tab: string, hub: string, ms: number): FlowNode[] => [
  {
    id: 'mcp-slow-in',
    type: 'llm-iot-rpc-in',
    z: tab,
    hub,
    method: 'test.slow',
    description: 'Takes its time.',
    params: '{"type":"object","properties":{},"additionalProperties":false}',
    result: '{"type":"object","properties":{"summary":{"type":"string"}}}',
    roles: ['llm_read', 'llm_write'],
    readOnly: true,
    destructive: false,
    idempotent: false,
    tool: true,
    title: 'Slow',
    timeout: 30,
    deviceMethods: false,
    open: false,
    x: 0,
    y: 0,
    wires: [['mcp-slow']],
  },
  {
    id: 'mcp-slow',
    type: 'function',
    z: tab,
    name: '',
    func: `setTimeout(() => { msg.payload = { summary: 'It is done.', done: true }; node.send(msg); }, ${ms}); return null;`,
    outputs: 1,
    libs: [],
    x: 0,
    y: 0,
    wires: [['mcp-slow-out']],
  },
  { id: 'mcp-slow-out', type: 'llm-iot-rpc-out', z: tab, hub, x: 0, y: 0, wires: [] },
];

describe('MCP', function () {
  this.timeout(60_000);
  let hub: RunningHub;
  let mine: TestDevice;
  let other: TestDevice;
  let reader: CreatedKey;
  let writer: CreatedKey;
  let scoped: CreatedKey;
  /** Commands that reached a device, by its id. */
  const reached: string[] = [];
  const open: TestMcpClient[] = [];
  /** Of the flow as it is shipped, for who may use all of them. */
  let shippedTools: string[];
  const url = (): string => `${hub.url}/mcp`;
  const connect = async (...args: Parameters<typeof connectMcp>): Promise<TestMcpClient> => {
    const client = await connectMcp(...args);
    open.push(client);
    return client;
  };
  const post = (
    key: string | undefined,
    message: unknown,
    headers: Record<string, string> = {},
  ): Promise<Response> =>
    fetch(url(), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        ...headers,
      },
      body: typeof message === 'string' ? message : JSON.stringify(message),
    });
  const initialize = {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'bare', version: '1' },
    },
  };

  before(async () => {
    hub = await startHub();
    const first = await connectMcp(mcpClientKinds[0], { url: url(), key: hub.adminKey });
    shippedTools = (await first.tools()).map(({ name }) => name);
    await first.close();
    const flow = await getFlow(hub);
    const idOf = (fits: (node: FlowNode) => boolean): string => flow.find(fits)!.id;
    const tab = idOf(({ type, label }) => type === 'tab' && label === 'Your own');
    const config = idOf(({ type }) => type === 'llm-iot-hub');
    const ticked = flow.map((node) =>
      node['method'] === 'comfort.assess' || node['method'] === 'telemetry.latest'
        ? { ...node, tool: true, title: node['method'] }
        : node,
    );
    await deploy(hub, [...ticked, ...slowMethod(tab, config, 1_300)]);
    await hubIsUp(hub);
    mine = await joinDevice(hub, { ...esp32('mine', declared), name: 'lamp in the hall' });
    other = await joinDevice(hub, { ...esp32('other', declared), name: 'boiler' });
    for (const device of [mine, other])
      await device.onCommand(({ method }) => {
        reached.push(`${device.id} ${method}`);
        return { result: { done: true } };
      });
    await mine.publish('telemetry', temperature(21.5));
    await other.publish('telemetry', { measurement_type: 'pressure', value: 3, unit: 'bar' });
    reader = await createKey(hub, 'llm_read');
    writer = await createKey(hub, 'llm_write');
    scoped = await createKey(hub, 'llm_write', { device_ids: [mine.id] });
  });
  afterEach(async () => {
    for (const client of open.splice(0)) await client.close();
  });
  after(async () => {
    await mine.end();
    await other.end();
    await hub.stop();
    await hub.cleanUp();
  });

  it('the flow that is shipped offers eight tools or fewer', () => {
    assert.ok(shippedTools.length <= 8, shippedTools.join(' '));
    for (const name of ['alert_list', 'device_execute'])
      assert.ok(shippedTools.includes(name), name);
  });

  for (const kind of mcpClientKinds)
    describe(`with the official client, ${kind}`, () => {
      const isModern = kind === 'sdk 2, 2026-07-28';

      it('agrees on the revision; sessions are for the older one', async () => {
        const client = await connect(kind, { url: url(), key: reader.key });
        assert.equal(client.version(), isModern ? '2026-07-28' : '2025-11-25');
        assert.equal(client.sessionId() === undefined, isModern);
      });

      it('lists methods that are ticked as tools, with schemas, title and annotations', async () => {
        const client = await connect(kind, { url: url(), key: writer.key });
        const tools = await client.tools();
        const names = tools.map(({ name }) => name);
        assert.ok(names.includes('comfort_assess') && names.includes('device_execute'));
        assert.ok(!names.includes('device_remove'));
        const execute = tools.find(({ name }) => name === 'device_execute')!;
        assert.equal(execute.annotations!['readOnlyHint'], false);
        assert.equal(execute.annotations!['destructiveHint'], true);
        const comfort = tools.find(({ name }) => name === 'comfort_assess')!;
        assert.equal(comfort.title, 'comfort.assess');
        assert.equal(comfort.annotations?.['readOnlyHint'], true);
        assert.deepEqual((comfort.inputSchema as { required: string[] }).required, [
          'temperature',
          'humidity',
        ]);
      });

      it('calls a tool: structured content, and the same as text', async () => {
        const client = await connect(kind, { url: url(), key: reader.key });
        const { structuredContent, content, isError } = await client.callTool('telemetry_latest', {
          device_id: mine.id,
        });
        assert.ok(!isError);
        const [reading] = structuredContent!['readings'] as { value: number }[];
        assert.equal(reading?.value, 21.5);
        assert.deepEqual(JSON.parse(content.at(-1)!.text!), structuredContent);
      });

      it('has a device carry out a command, and the caller is on record', async () => {
        const client = await connect(kind, { url: url(), key: writer.key });
        reached.length = 0;
        const { structuredContent } = await client.callTool('device_execute', {
          device_id: mine.id,
          command: 'set_level',
          arguments: { level: 3 },
        });
        assert.ok(structuredContent);
        assert.deepEqual(reached, [`${mine.id} set_level`]);
        const { events } = await ask(hub, 'audit.query', {
          transport: 'mcp',
          principal_id: writer.id,
        });
        const [{ action, subject, details }] = events;
        assert.deepEqual([action, subject], ['command', 'set_level']);
        assert.ok(details.agent, 'what program gave it');
        assert.ok(events.some((event: { action: string }) => event.action === 'authentication'));
      });

      it('a destructive command reaches the device after the yes of a person, and never before', async () => {
        const erase = async (
          sector: number,
          answer?: (message: string) => { action: string; content?: object },
        ): Promise<boolean> => {
          const options = { url: url(), key: writer.key, ...(answer && { answer }) };
          const client = await connect(kind, options);
          reached.length = 0;
          const { isError = false } = await client.callTool('device_execute', {
            device_id: mine.id,
            command: 'erase',
            arguments: { kind, sector },
          });
          return isError;
        };
        const answers = [
          undefined,
          { action: 'decline' },
          { action: 'cancel' },
          { action: 'accept', content: { confirm: false } },
        ];
        for (const [sector, answer] of answers.entries()) {
          assert.equal(await erase(sector, answer && (() => answer)), true);
          assert.deepEqual(reached, []);
        }
        const yes = (): { action: string; content: object } => ({
          action: 'accept',
          content: { confirm: true },
        });
        // Whoever said no is not asked again.
        assert.equal(await erase(1, yes), true);
        const read: string[] = [];
        const yesAfterReading = (message: string): ReturnType<typeof yes> => {
          read.push(message);
          return yes();
        };
        assert.equal(await erase(9, yesAfterReading), false);
        assert.deepEqual(reached, [`${mine.id} erase`]);
        // The person is told what and where, not only that a tool wants something.
        assert.match(read[0]!, /erase .*'sector':9.* at "lamp in the hall"/);
        // One yes is good for one call.
        assert.equal(await erase(9), true);
        assert.deepEqual(reached, []);
      });

      it('answers a mistake with what repairs it, as a result the model reads', async () => {
        const client = await connect(kind, { url: url(), key: reader.key });
        const { isError, structuredContent } = await client.callTool('comfort_assess', {
          temperature: 'warm',
          humidity: 40,
        });
        assert.equal(isError, true);
        const { code, reason, field } = structuredContent!['error'] as Record<string, unknown>;
        assert.equal(code, -32602);
        assert.equal(field, 'temperature');
        assert.match(String(reason), /temperature/);
      });

      it('answers one to a tool whose result has a schema as well', async () => {
        const client = await connect(kind, { url: url(), key: reader.key });
        const tools = await client.tools();
        assert.ok(tools.find(({ name }) => name === 'alert_list')?.outputSchema);
        const { isError, content } = await client.callTool('alert_list', { state: 'loud' });
        assert.equal(isError, true);
        const { code, field } = JSON.parse(content[0]!.text!) as { code: number; field: string };
        assert.deepEqual([code, field], [-32602, 'state']);
      });

      it('answers a tool that does not exist with an error of the protocol', async () => {
        const client = await connect(kind, { url: url(), key: reader.key });
        await assert.rejects(client.callTool('comfort_asess'), /did you mean comfort_assess/);
      });

      it('tells progress of what takes long, and stops waiting when it is cancelled', async () => {
        const client = await connect(kind, { url: url(), key: reader.key });
        const told: number[] = [];
        const { content } = await client.callTool(
          'test_slow',
          {},
          { onprogress: ({ progress }) => told.push(progress) },
        );
        assert.equal(content[0]?.text, 'It is done.');
        assert.ok(told.length > 0);
        assert.deepEqual(
          told,
          told.toSorted((a, b) => a - b),
        );

        const before = (await ask(hub, 'hub.info')).rpc.pending;
        const abort = new AbortController();
        const called = client.callTool('test_slow', {}, { signal: abort.signal });
        const pending = async (): Promise<number> => (await ask(hub, 'hub.info')).rpc.pending;
        await eventually('it is under way', async () => (await pending()) > before);
        abort.abort();
        await assert.rejects(called);
        await eventually('nobody waits', async () => (await pending()) === before);
      });

      it('lists and reads resources by their templates', async () => {
        const client = await connect(kind, { url: url(), key: reader.key });
        const uris = (await client.resources()).map(({ uri }) => uri);
        for (const expected of ['iot://devices', 'iot://alerts', `iot://devices/${mine.id}`])
          assert.ok(uris.includes(expected), expected);
        assert.deepEqual(await client.templates(), [
          'iot://devices{?cursor}',
          'iot://devices/{device_id}',
          'iot://devices/{device_id}/telemetry',
          'iot://devices/{device_id}/schema',
        ]);
        const all = await client.read('iot://devices');
        assert.ok((all['devices'] as object[]).length >= 2);
        assert.ok((all['untrusted'] as string[]).includes('devices[].name'));
        const one = await client.read(`iot://devices/${mine.id}`);
        assert.equal(one['name'], 'lamp in the hall');
        const newest = await client.read(`iot://devices/${mine.id}/telemetry`);
        assert.equal((newest['readings'] as { value: number }[])[0]?.value, 21.5);
        const schema = await client.read(`iot://devices/${mine.id}/schema`);
        assert.deepEqual(
          (schema['commands'] as { name: string }[]).map(({ name }) => name).sort(),
          ['erase', 'set_level'],
        );
        assert.ok(Array.isArray((await client.read('iot://alerts'))['alerts']));
        await assert.rejects(client.read('iot://devices/nobody'), /nobody|not found/i);
        await assert.rejects(client.read('file:///etc/passwd'), /not found/i);
      });

      it('hears of readings it follows, of alarms, and of devices that come and go', async () => {
        const client = await connect(kind, { url: url(), key: reader.key });
        const uri = `iot://devices/${mine.id}/telemetry`;
        const heard = await client.follow([uri, 'iot://alerts', 'iot://devices']);
        const hears = (what: string): Promise<true> =>
          eventually(`a change of ${what}`, () => heard.includes(what));
        await eventually('a change of readings', async () => {
          await mine.publish('telemetry', temperature(21.5));
          return heard.includes(uri);
        });
        const guest = await joinDevice(hub, esp32(`guest of ${kind}`));
        await hears('resources');
        await hears('iot://devices');
        await guest.publish('telemetry', 'not JSON').catch(() => undefined);
        await hears('iot://alerts');
        await ask(hub, 'device.remove', { device_id: guest.id });
        await guest.end();
      });

      it('completes names of devices and measurements', async () => {
        const client = await connect(kind, { url: url(), key: reader.key });
        const prompt = { type: 'ref/prompt', name: 'diagnose_device' };
        assert.deepEqual(await client.complete(prompt, 'device', 'lam'), ['lamp in the hall']);
        const template = { type: 'ref/resource', uri: 'iot://devices/{device_id}' };
        assert.deepEqual(await client.complete(template, 'device_id', 'boil'), [other.id]);
        assert.deepEqual(await client.complete(template, 'measurement_type', 'press'), [
          'pressure',
        ]);
      });

      it('a key that only reads sees no tool that changes anything, and gets 403 for one', async () => {
        const client = await connect(kind, { url: url(), key: reader.key });
        for (const { name, annotations } of await client.tools())
          assert.equal(annotations?.['readOnlyHint'], true, name);
        reached.length = 0;
        await assert.rejects(
          client.callTool('device_execute', { device_id: mine.id, command: 'set_level' }),
        );
        assert.deepEqual(reached, []);
      });

      it('a key for some devices finds, reads, completes and hears of no other', async () => {
        const client = await connect(kind, { url: url(), key: scoped.key });
        const uris = (await client.resources()).map(({ uri }) => uri);
        assert.ok(uris.includes(`iot://devices/${mine.id}`));
        assert.ok(!uris.includes(`iot://devices/${other.id}`));
        const { devices } = (await client.read('iot://devices')) as {
          devices: { device_id: string }[];
        };
        assert.deepEqual(
          devices.map(({ device_id }) => device_id),
          [mine.id],
        );
        for (const part of ['', '/telemetry', '/schema'])
          await assert.rejects(client.read(`iot://devices/${other.id}${part}`), /not found/i);
        for (const [tool, args] of [
          ['telemetry_latest', { device_id: other.id }],
          ['device_execute', { device_id: other.id, command: 'set_level' }],
        ] as const) {
          const { isError, structuredContent } = await client.callTool(tool, args);
          assert.equal(isError, true, tool);
          assert.equal((structuredContent!['error'] as { code: number }).code, -32000, tool);
        }
        const prompt = { type: 'ref/prompt', name: 'diagnose_device' };
        assert.deepEqual(await client.complete(prompt, 'device', 'boil'), []);
        const template = { type: 'ref/resource', uri: 'iot://devices/{device_id}' };
        assert.deepEqual(await client.complete(template, 'device_id', ''), [mine.id]);
        assert.deepEqual(await client.complete(template, 'measurement_type', 'press'), []);

        const [own, foreign] = [mine.id, other.id].map((id) => `iot://devices/${id}/telemetry`);
        if (!isModern) await assert.rejects(client.follow([foreign!]), /not found/i);
        const heard = await client.follow(isModern ? [own!, foreign!] : [own!]);
        await eventually('a change of its own', async () => {
          await other.publish('telemetry', {
            measurement_type: 'pressure',
            value: 3,
            unit: 'bar',
          });
          await mine.publish('telemetry', temperature(21.5));
          return heard.includes(own!);
        });
        assert.ok(!heard.includes(foreign!));
      });

      it('a deploy that takes a tool away is told, and the tool is gone', async () => {
        const client = await connect(kind, { url: url(), key: reader.key });
        const heard = await client.follow([]);
        const flow = await getFlow(hub);
        const without = flow.map((node) =>
          node['method'] === 'comfort.assess' ? { ...node, tool: false } : node,
        );
        await deploy(hub, without, 'nodes');
        await eventually('a change of tools', () => heard.includes('tools'));
        const names = (await client.tools()).map(({ name }) => name);
        assert.ok(!names.includes('comfort_assess'));
        await deploy(hub, flow, 'nodes');
      });
    });

  describe('authorization', () => {
    it('answers 401 without a key and with a wrong one, before anything is read', async () => {
      const none = await post(undefined, initialize);
      assert.equal(none.status, 401);
      assert.equal(none.headers.get('www-authenticate'), 'Bearer');
      const wrong = await post('nonsense', initialize);
      assert.equal(wrong.status, 401);
      assert.match(wrong.headers.get('www-authenticate')!, /error="invalid_token"/);
    });

    it('answers 403 with the scope that a tool takes', async () => {
      const opened = await post(reader.key, initialize);
      const session = opened.headers.get('mcp-session-id')!;
      await opened.text();
      const params = { name: 'device_execute', arguments: {} };
      const response = await post(
        reader.key,
        { jsonrpc: '2.0', id: 2, method: 'tools/call', params },
        { 'mcp-session-id': session },
      );
      assert.equal(response.status, 403);
      assert.equal(
        response.headers.get('www-authenticate'),
        'Bearer error="insufficient_scope", scope="llm_write"',
      );
      const { events } = await ask(hub, 'audit.query', {
        transport: 'mcp',
        principal_id: reader.id,
        action: 'refusal',
      });
      assert.equal(events[0].subject, 'device.execute');
    });

    it('a session is nobody else’s, and ends with its key', async () => {
      const passing = await createKey(hub, 'llm_read');
      const opened = await post(passing.key, initialize);
      const session = opened.headers.get('mcp-session-id')!;
      await opened.text();
      const ping = { jsonrpc: '2.0', id: 2, method: 'ping' };
      const named = { 'mcp-session-id': session };
      assert.equal((await post(passing.key, ping, named)).status, 200);
      assert.equal((await post(hub.adminKey, ping, named)).status, 404);

      const stream = await fetch(url(), {
        headers: {
          accept: 'text/event-stream',
          authorization: `Bearer ${passing.key}`,
          ...named,
        },
      });
      assert.equal(stream.status, 200);
      const ended = stream.text().catch(() => 'cut');
      await ask(hub, 'key.revoke', { key_id: passing.id });
      await ended;
      assert.equal((await post(passing.key, ping, named)).status, 401);
      const { mcp } = await ask(hub, 'hub.info');
      assert.ok(mcp.sessions >= 0);
    });

    it('shuts out every LLM with the lockdown', async () => {
      await ask(hub, 'key.lockdown', { active: true });
      try {
        assert.equal((await post(reader.key, initialize)).status, 403);
      } finally {
        await ask(hub, 'key.lockdown', { active: false });
      }
      assert.equal((await post(reader.key, initialize)).status, 200);
    });

    it('refuses pages of other sites, other media types, batches, and what is no JSON', async () => {
      assert.equal(
        (await post(reader.key, initialize, { origin: 'http://evil.example' })).status,
        403,
      );
      assert.equal(
        (await post(reader.key, initialize, { 'content-type': 'text/plain' })).status,
        415,
      );
      assert.equal((await post(reader.key, [initialize])).status, 400);
      assert.equal((await post(reader.key, '{"jsonrpc":')).status, 400);
      assert.equal((await post(reader.key, 'x'.repeat(1_048_577))).status, 413);
      assert.equal((await fetch(url(), { method: 'PUT' })).status, 405);
      const lost = await post(reader.key, { jsonrpc: '2.0', id: 1, method: 'tools/list' });
      assert.equal(lost.status, 400);
    });
  });
});
