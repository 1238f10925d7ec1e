import assert from 'node:assert/strict';
import { createKey } from '../support/create-key.ts';
import {
  ask,
  call,
  deploy,
  esp32,
  eventually,
  getFlow,
  joinDevice,
  openSocket,
  type RpcResponse,
  type TestDevice,
} from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';

interface Heard {
  method: string;
  params: object;
}

describe('plans and approvals with the running hub and a real device', function () {
  this.timeout(60_000);
  let hub: RunningHub;
  let boiler: TestDevice;
  let model: string;
  let scoped: string;
  let operator: string;
  const heard: Heard[] = [];
  let count = 0;

  const commands = {
    reset: { destructive: true },
    open: { critical: true },
    look: { read_only: true },
    set: { arguments: { type: 'object', properties: { level: { type: 'number', maximum: 99 } } } },
  };
  const reset = (more: object = {}, key = model): Promise<RpcResponse> =>
    call(hub, 'device.execute', { device_id: boiler.id, command: 'reset', ...more }, key);
  /** Arguments of their own for each test, as a denial holds for a while. */
  const fresh = () => ({ arguments: { n: (count += 1) } });
  const approvalOf = ({ error }: RpcResponse): string => {
    assert.equal(error?.code, -32005, JSON.stringify(error));
    assert.ok(error.data.approval_id, JSON.stringify(error));
    return error.data.approval_id;
  };
  const decide = (decision: 'grant' | 'deny', approval_id: string, key = operator) =>
    call(hub, `approval.${decision}`, { approval_id }, key);
  /** A command that goes through shows that nothing before it was on its way. */
  const settle = async (): Promise<void> => {
    await ask(hub, 'device.execute', { device_id: boiler.id, command: 'look' });
    const last = heard.pop();
    assert.equal(last?.method, 'look');
  };

  before(async () => {
    hub = await startHub();
    boiler = await joinDevice(hub, esp32('boiler', { commands }));
    await ask(hub, 'device.register_method', {
      ...{ device_id: boiler.id, method_name: 'boiler.flush', destructive: true },
    });
    await boiler.onCommand(({ method, params }) => {
      heard.push({ method, params });
      return { result: { applied_config: { level: 5 } } };
    });
    model = (await createKey(hub, 'llm_write')).key;
    operator = (await createKey(hub, 'user_operator')).key;
    scoped = (
      await ask(hub, 'key.create', {
        ...{ role: 'llm_write', scope: { device_ids: [boiler.id] } },
      })
    ).key;
  });
  afterEach(() => heard.splice(0));
  after(async () => {
    await boiler.end();
    await hub.stop();
    await hub.cleanUp();
  });

  it('a destructive command without a confirmation never reaches the device, by whatever way it comes', async () => {
    const args = fresh();
    approvalOf(await reset(args));
    approvalOf(await reset(args, hub.adminKey));
    approvalOf(await reset(args, scoped));
    const batch = { device_ids: [boiler.id], command: 'reset', ...fresh() };
    approvalOf(await call(hub, 'device.batch_execute', batch, model));
    approvalOf(await call(hub, 'boiler.flush', { device_id: boiler.id }, model));
    approvalOf(await call(hub, 'device.execute', { device_id: boiler.id, command: 'open' }, model));
    const step = { device_id: boiler.id, command: 'reset', ...fresh() };
    const { plan_id, steps } = await ask(hub, 'device.plan', step, model);
    assert.equal(steps[0].needs_confirmation, true);
    approvalOf(await call(hub, 'device.execute', { plan_id }, model));
    const socket = await openSocket(hub, model);
    approvalOf(await socket.call('device.execute', step));
    await socket.close();
    const mcp = await fetch(`${hub.url}/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${model}`,
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': 'device_execute',
      },
      body: JSON.stringify({
        ...{ jsonrpc: '2.0', id: 1, method: 'tools/call' },
        params: {
          ...{ name: 'device_execute', arguments: step },
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
            'io.modelcontextprotocol/clientCapabilities': {},
          },
        },
      }),
    });
    assert.match(await mcp.text(), /approval_id/);
    await settle();
    assert.deepEqual(heard, []);
  });

  it('granted it goes once; denied, with other arguments, or for another principal it does not', async () => {
    const args = fresh();
    const id = approvalOf(await reset(args));
    assert.equal((await decide('grant', id, model)).error?.code, -32005, 'not by who asked');
    assert.equal((await decide('grant', id)).result.state, 'granted');
    approvalOf(await reset(args, scoped));
    approvalOf(await reset(fresh()));
    assert.equal((await reset(args)).result.status, 'success');
    assert.notEqual(approvalOf(await reset(args)), id);
    const denied = fresh();
    await decide('deny', approvalOf(await reset(denied)));
    assert.equal((await reset(denied)).error?.data.state, 'denied');
    await settle();
    assert.deepEqual(heard, [{ method: 'reset', params: args.arguments }]);
  });

  it('who waits hears of the decision, and all of it is on record', async () => {
    const args = fresh();
    const approval_id = approvalOf(await reset({ ...args, reason: 'it hangs' }));
    const waiting = ask(hub, 'approval.get', { approval_id, wait_s: 30 }, model);
    await decide('grant', approval_id);
    assert.equal((await waiting).state, 'granted');
    await reset(args);
    const { approvals } = await ask(hub, 'approval.list', { state: 'used', limit: 1 }, operator);
    assert.deepEqual([approvals[0].approval_id, approvals[0].reason], [approval_id, 'it hangs']);
    const { events } = await ask(hub, 'audit.query', { action: 'approval', limit: 3 });
    assert.deepEqual(
      events.map(({ subject }: { subject: string }) => subject),
      ['approval.used', 'approval.granted', 'approval.asked'],
    );
  });

  it('a plan publishes nothing, and is carried out exactly or not at all', async () => {
    const set = (level: number) =>
      ask(
        hub,
        'device.plan',
        { device_id: boiler.id, command: 'set', arguments: { level } },
        model,
      );
    const { plan_id } = await set(7);
    await settle();
    assert.deepEqual(heard, []);
    assert.equal((await call(hub, 'device.execute', { plan_id }, model)).result.status, 'success');
    assert.deepEqual(heard, [{ method: 'set', params: { level: 7 } }]);
    assert.equal((await call(hub, 'device.execute', { plan_id }, model)).error?.code, -32602);
    const bad = await set(100);
    assert.deepEqual([bad.ok, bad.plan_id], [false, undefined]);
    assert.equal(heard.length, 1);
  });

  it('takes plain words for a device, and a plan also where they mean several', async () => {
    const join = (hardware: string, name: string, location: string) =>
      joinDevice(hub, { ...esp32(hardware, { commands }), name, location });
    const lamps = [
      await join('lamp-1', 'Reading lamp', 'study'),
      await join('lamp-2', 'Ceiling lamp', 'study'),
    ];
    const lit: string[] = [];
    for (const lamp of lamps)
      await lamp.onCommand(() => {
        lit.push(lamp.id);
        return { result: { ok: true } };
      });
    const [reading] = lamps;
    const set = { command: 'set', arguments: { level: 3 } };
    const { result } = await call(
      hub,
      'device.execute',
      { device: 'the reading lamp in the study', ...set },
      model,
    );
    assert.equal(result?.status, 'success');
    assert.deepEqual(lit, [reading!.id]);
    const { error } = await call(
      hub,
      'device.execute',
      { device: 'the study lamp', ...set },
      model,
    );
    assert.equal(error?.code, -32602);
    assert.equal(error.data.field, 'device');
    assert.equal(error.data.candidates.length, 2);
    const all = { device: 'all lamps in the study', ...set };
    assert.equal((await call(hub, 'device.execute', all, model)).error?.code, -32602);
    const plan = await ask(hub, 'device.plan', all, model);
    assert.deepEqual(
      plan.steps.map(({ device_id }: { device_id: string }) => device_id).sort(),
      lamps.map(({ id }) => id).sort(),
    );
    assert.deepEqual(lit, [reading!.id]);
    await ask(hub, 'device.execute', { plan_id: plan.plan_id }, model);
    assert.equal(lit.length, 3);
    for (const lamp of lamps) await lamp.end();
  });

  it('a node tells of what is asked, with a link to a page whose buttons decide', async () => {
    const flow = await getFlow(hub);
    const hubId = flow.find(({ type }) => type === 'llm-iot-hub')!.id;
    const z = flow.find(({ type, label }) => type === 'tab' && label === 'Your own')!.id;
    const node = { z, x: 100, y: 900, wires: [] as string[][] };
    await deploy(hub, [
      ...flow,
      {
        ...{ ...node, id: 'asked', type: 'llm-iot-approve', name: 'asked', hub: hubId },
        ...{ operation: 'asked', links: true, url: hub.url, wires: [['keep'], []] },
      },
      {
        ...{ ...node, id: 'keep', type: 'function', name: 'keep', outputs: 1 },
        func: "const all = global.get('asked') ?? []; global.set('asked', [...all, msg.payload]); return null;",
      },
      {
        ...{ ...node, id: 'told', type: 'llm-iot-rpc-in', name: '', hub: hubId, y: 960 },
        ...{ method: 'test.asked', description: 'x', params: '{}', result: '{}', roles: [] },
        ...{ readOnly: true, destructive: false, timeout: 5, wires: [['tell']] },
      },
      {
        ...{ ...node, id: 'tell', type: 'function', name: 'tell', outputs: 1, wires: [['out']] },
        func: "msg.payload = global.get('asked') ?? []; return msg;",
      },
      { ...node, id: 'out', type: 'llm-iot-rpc-out', name: '', hub: hubId },
    ]);
    const linkOf = (approvalId: string): Promise<string> =>
      eventually('a link', async () => {
        const { result = [] } = await call(hub, 'test.asked');
        const found = result.find((one: { approval_id: string }) => one.approval_id === approvalId);
        return found?.links.grant as string | undefined;
      });
    const args = fresh();
    const link = await linkOf(
      approvalOf(await reset({ ...args, reason: '<script>alert(1)</script>' })),
    );
    assert.ok(link.startsWith(`${hub.url}/approve/`));
    const page = await fetch(link);
    const text = await page.text();
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/);
    assert.deepEqual(
      ['x-frame-options', 'referrer-policy', 'cache-control'].map((name) => page.headers.get(name)),
      ['DENY', 'no-referrer', 'no-store'],
    );
    assert.ok(text.includes('&lt;script&gt;') && !/<script/i.test(text));
    const post = (to: string, decision: string, headers: Record<string, string> = {}) =>
      fetch(to, { method: 'POST', body: new URLSearchParams({ decision }), headers });
    approvalOf(await reset(args));
    assert.equal((await post(link, 'maybe')).status, 400);
    assert.equal((await post(link, 'grant', { 'sec-fetch-site': 'cross-site' })).status, 403);
    assert.equal((await post(link, 'x'.repeat(5_000))).status, 400);
    assert.equal((await fetch(link, { method: 'PUT' })).status, 405);
    assert.equal((await post(`${link}x`, 'grant')).status, 404);
    approvalOf(await reset(args));
    assert.match(await (await post(link, 'grant')).text(), /Approved/);
    assert.equal((await post(link, 'grant')).status, 404, 'a link is good for one decision');
    assert.equal((await fetch(link)).status, 404);
    assert.equal((await reset(args)).result.status, 'success');
    const no = fresh();
    await post(await linkOf(approvalOf(await reset(no))), 'deny');
    assert.equal((await reset(no)).error?.data.state, 'denied');
    assert.deepEqual(heard, [{ method: 'reset', params: args.arguments }]);
  });
});
