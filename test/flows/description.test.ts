import assert from 'node:assert/strict';
import { createKey } from '../support/create-key.ts';
import { asyncApiErrors, coverOpenRpc, openRpcErrors } from '../support/described.ts';
import {
  ask,
  call,
  deploy,
  esp32,
  eventually,
  getFlow,
  joinDevice,
  openSocket,
  type FlowNode,
  type TestDevice,
} from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';

const paths = ['/tools', '/tools?format=openai', '/asyncapi.json', '/llms.txt'];

/** A method that a person drags, ticked as a tool. */
const gardenMethod = (shipped: FlowNode[]): FlowNode[] => {
  const idOf = (type: string, label?: string): string =>
    shipped.find((node) => node.type === type && (!label || node['label'] === label))!.id;
  const place = { z: idOf('tab', 'Your own'), hub: idOf('llm-iot-hub'), x: 0, y: 0 };
  return [
    {
      ...{ ...place, id: 'garden-in', type: 'llm-iot-rpc-in', method: 'garden.water_level' },
      description: 'How full the rain barrel is.',
      params: '{"type":"object","properties":{"barrel":{"type":"string"}}}',
      result: '{"type":"object","properties":{"percent":{"type":"number"}}}',
      ...{ roles: ['llm_read'], readOnly: true, destructive: false, tool: true, timeout: 5 },
      ...{ deviceMethods: false, open: false, wires: [['garden-out']] },
    },
    { ...place, id: 'garden-out', type: 'llm-iot-rpc-out', wires: [] },
  ];
};

describe('the hub describes itself', function () {
  this.timeout(60_000);
  let hub: RunningHub;
  let shipped: FlowNode[];
  let kitchen: TestDevice;
  let office: TestDevice;

  const get = (
    path: string,
    key: string | undefined = hub.adminKey,
    more: { method?: string; body?: string; headers?: Record<string, string> } = {},
  ) =>
    fetch(hub.url + path, {
      ...more,
      headers: { ...(key !== '' && { authorization: `Bearer ${key}` }), ...more.headers },
    });
  const textOf = async (path: string, key?: string): Promise<string> => {
    const response = await get(path, key);
    assert.equal(response.status, 200, path);
    return response.text();
  };
  /** All four descriptions, and the methods in OpenRPC. */
  const descriptionsFor = async (key?: string): Promise<string[]> => [
    JSON.stringify(await ask(hub, 'rpc.discover', {}, key)),
    ...(await Promise.all(paths.map((path) => textOf(path, key)))),
  ];

  before(async () => {
    hub = await startHub();
    shipped = await getFlow(hub);
    kitchen = await joinDevice(hub, { ...esp32('kitchen'), labels: { room: 'kitchen' } });
    office = await joinDevice(hub, { ...esp32('office'), labels: { room: 'office' } });
    for (const [device, method_name] of [
      [kitchen, 'kettle.boil'],
      [office, 'blinds.tilt'],
    ] as const)
      await ask(hub, 'device.register_method', {
        ...{ device_id: device.id, method_name },
        schema: { arguments: { type: 'object', properties: { much: { type: 'number' } } } },
      });
  });
  after(async () => {
    await kitchen.end();
    await office.end();
    await hub.stop();
    await hub.cleanUp();
  });

  it('in documents that validate', async () => {
    const openrpc = await ask(hub, 'rpc.discover');
    assert.equal(openRpcErrors(openrpc), undefined);
    const { methods } = await ask(hub, 'rpc.methods');
    assert.deepEqual(
      openrpc.methods.map(({ name }: { name: string }) => name),
      methods.map(({ name }: { name: string }) => name),
    );
    const asyncapi = JSON.parse(await textOf('/asyncapi.json'));
    assert.deepEqual(await asyncApiErrors(asyncapi), []);
    assert.equal(asyncapi.servers.websocket.host, new URL(hub.url).host);
    assert.equal(asyncapi.servers.mqtt.host, new URL(hub.mqttUrl).host);
  });

  it('so truly that the coverage tool of OpenRPC finds no error that is not listed', async () => {
    const { key } = await createKey(hub, 'llm_read');
    const document = await ask(hub, 'rpc.discover', {}, key);
    const calls = await coverOpenRpc(document, {
      // Live updates are for WebSocket; everything else a reader may call changes nothing, so nothing else is left out.
      skip: ['subscribe', 'unsubscribe'],
      call: (method, params) => call(hub, method, params as object, key),
    });
    const wrong = calls.filter(({ valid }) => !valid);
    assert.deepEqual(
      wrong.map(({ methodName, reason }) => [methodName, reason]),
      [],
    );
    const answered = new Set(calls.filter(({ error }) => !error).map((one) => one.methodName));
    for (const name of ['device.list', 'hub.info', 'rpc.discover', 'comfort.assess'])
      assert.ok(answered.has(name), `${name} was answered`);
  });

  it('anew when a flow is deployed, and tells who follows hub.methods', async () => {
    const socket = await openSocket(hub);
    const { result } = await socket.call('subscribe', { channels: ['hub.methods'] });
    assert.deepEqual(result.channels, ['hub.methods']);
    const told = (): { channel: string; data: { revision: string } }[] => socket.updates();
    for (const text of await descriptionsFor()) assert.ok(!/garden.water_level/.test(text));

    await deploy(hub, [...shipped, ...gardenMethod(shipped)]);
    for (const text of await descriptionsFor()) assert.match(text, /garden[._]water_level/);
    const first = await eventually('word of the new method', () => told().at(-1));
    assert.equal(first.channel, 'hub.methods');
    assert.match(first.data.revision, /^[\da-f]{16}$/);

    const before = told().length;
    await deploy(hub, shipped);
    for (const text of await descriptionsFor()) assert.ok(!/garden.water_level/.test(text));
    const second = await eventually('word of its end', () => told()[before]);
    assert.notEqual(second.data.revision, first.data.revision);
    await socket.close();
  });

  it('to a reader without anything that changes something', async () => {
    const { key } = await createKey(hub, 'llm_read');
    const { methods } = await ask(hub, 'rpc.methods');
    const changing = methods.filter((one: { read_only: boolean }) => !one.read_only);
    assert.ok(changing.length > 10);
    for (const text of await descriptionsFor(key))
      for (const { name } of changing)
        for (const said of [`"${name}"`, `\`${name}\``, `"${name.replaceAll('.', '_')}"`])
          assert.ok(!text.includes(said), `${said} in ${text.slice(0, 60)}`);
  });

  it('to a key with a scope: its methods, and what its devices registered', async () => {
    const labels = { room: 'kitchen' };
    const narrow = await createKey(hub, 'llm_write', { labels });
    const [openrpc = '', , , asyncapi = ''] = await descriptionsFor(narrow.key);
    for (const text of [openrpc, asyncapi]) assert.ok(text.includes('kettle.boil'));
    for (const text of await descriptionsFor(narrow.key))
      for (const hidden of ['blinds.tilt', office.id]) assert.ok(!text.includes(hidden), hidden);

    const methods = ['alert.*', 'rpc.discover'];
    const few = await createKey(hub, 'llm_write', { methods });
    const { methods: named } = JSON.parse(await textOf('/tools', few.key));
    assert.deepEqual(named, { alert_list: 'alert.list' });
    const { operations } = JSON.parse(await textOf('/asyncapi.json', few.key));
    assert.deepEqual(Object.keys(operations).sort(), [
      ...['alert.acknowledge', 'alert.list', 'hub.health', 'rpc.discover'],
    ]);
  });

  it('to somebody without a key by nothing but the way in', async () => {
    for (const path of ['/tools', '/asyncapi.json']) {
      const response = await get(path, '');
      assert.equal(response.status, 401);
      assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer/);
      assert.match(await response.text(), /valid key/);
    }
    const text = await textOf('/llms.txt', '');
    assert.match(text, /JSON-RPC/);
    for (const name of ['device.', 'kettle', kitchen.id]) assert.ok(!text.includes(name), name);
    assert.equal((await get('/llms.txt', 'no-such-key')).status, 401);
  });

  it('by the rules of HTTP', async () => {
    for (const path of paths) {
      const response = await get(path);
      const tag = response.headers.get('etag') ?? '';
      const body = await response.text();
      assert.equal(response.headers.get('cache-control'), 'private, no-cache');
      assert.match(response.headers.get('vary') ?? '', /Authorization/);
      const head = await get(path, hub.adminKey, { method: 'HEAD' });
      assert.equal(head.headers.get('content-length'), String(Buffer.byteLength(body)));
      assert.equal(await head.text(), '');
      const same = await get(path, hub.adminKey, { headers: { 'if-none-match': `"x", ${tag}` } });
      assert.equal(same.status, 304);
      assert.equal(same.headers.get('etag'), tag);
      const posted = await get(path, hub.adminKey, { method: 'POST', body: '{}' });
      assert.equal(posted.status, 405);
      assert.equal(posted.headers.get('allow'), 'GET, HEAD');
    }
    const unknown = await get('/tools?format=opnai');
    assert.equal(unknown.status, 400);
    const { error } = (await unknown.json()) as { error: { code: number; data: object } };
    assert.equal(error.code, -32602);
    assert.deepEqual((error.data as { allowed: string[] }).allowed, ['anthropic', 'openai']);
    assert.equal((await get(`/tools?format=${'x'.repeat(1_100)}`)).status, 414);
    const foreign = await get('/llms.txt', '', {
      headers: { origin: 'https://elsewhere.example' },
    });
    assert.equal(foreign.status, 403);
  });
});
