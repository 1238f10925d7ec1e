import assert from 'node:assert/strict';
import type { HubMessage } from '../../nodes/runtime/message.ts';
import { ask, call, esp32 } from '../support/hub-client.ts';
import { nodeReds, startRig, type NodeRig, type Step, type TestNode } from '../support/node-rig.ts';
import { until } from '../support/until.ts';

const rpcIn = (id: string, method: string, more: object = {}): TestNode => ({
  id,
  type: 'llm-iot-rpc-in',
  outputs: 1,
  method,
  description: 'Greets',
  params: '{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}',
  result: '{}',
  roles: ['llm_read'],
  readOnly: true,
  destructive: false,
  timeout: '0.2',
  deviceMethods: false,
  open: false,
  ...more,
});

const nodes: TestNode[] = [
  rpcIn('greetIn', 'greet.somebody', { to: [['greeter']] }),
  { id: 'greeter', type: 'test-step', to: [['out']] },
  rpcIn('echoIn', 'echo', { params: '{"type":"object"}', to: [['out']], open: true }),
  rpcIn('twice', 'greet.somebody'),
  rpcIn('notJson', 'not.json', { params: '{"type":' }),
  rpcIn('notASchema', 'not.a.schema', { params: '{"type":"spoon"}' }),
  rpcIn('badName', 'no spaces allowed'),
  rpcIn('ofDevices', '', { deviceMethods: true, roles: ['llm_write'], to: [['out']] }),
  {
    id: 'narrow',
    type: 'llm-iot-policy',
    rules: '[]',
    always: false,
    roles: ['llm_read'],
    callsPerMinute: '2',
  },
  rpcIn('narrowed', 'echo.narrowed', {
    ...{ params: '{"type":"object"}', roles: ['llm_read', 'user_viewer'] },
    ...{ policy: 'narrow', to: [['out']] },
  }),
  rpcIn('lost', 'echo.lost', { policy: 'gone' }),
  { id: 'out', type: 'llm-iot-rpc-out' },
  { id: 'outAlone', type: 'llm-iot-rpc-out', hub: '' },
];

for (const nodeRed of nodeReds)
  describe(`rpc in and rpc out, in ${nodeRed}`, () => {
    let rig: NodeRig;
    const kept: HubMessage[] = [];
    const greeter: Step = (message, send, done) => {
      const { name } = message.payload as { name: string };
      if (name === 'trouble') {
        done(new Error('no greeting'));
        return;
      }
      if (name === 'later') kept.push(message);
      else send({ ...message, payload: `hello ${name}` });
      done();
    };

    before(async () => {
      rig = await startRig({ nodeRed, nodes, steps: { greeter }, catchTo: ['out'] });
    });
    after(() => rig.stop());

    it('runs in the version of Node-RED that is meant', () => {
      assert.match(rig.version, nodeRed === 'node-red' ? /^5\./ : /^4\.1\./);
    });

    it('a call leaves rpc in as a message with params by name, and rpc out ends it', async () => {
      assert.equal(await ask(rig, 'greet.somebody', { name: 'world' }), 'hello world');
      const message = rig.received('greetIn').at(-1)!;
      assert.deepEqual(message.payload, { name: 'world' });
      assert.equal(message.topic, 'greet.somebody');
      const { id, ...rpc } = message.rpc!;
      assert.equal(typeof id, 'string');
      assert.deepEqual(rpc, {
        method: 'greet.somebody',
        principal: { id: 'admin', role: 'llm_admin', means: 'key' },
        transport: 'http',
        address: '127.0.0.1',
        agent: 'node',
      });
      assert.equal(rig.status('greetIn')?.text, 'ready');
      assert.equal(rig.status('out')?.text, 'ready');
    });

    it('a policy takes from who may call a method and how often; without it there is no method', async () => {
      const hub = await rig.hub();
      assert.deepEqual(hub.methods.get('echo.narrowed')?.roles, ['llm_read']);
      for (let i = 0; i < 2; i++) await ask(rig, 'echo.narrowed');
      const { error } = await call(rig, 'echo.narrowed');
      assert.equal(error?.code, -32006);
      assert.ok(error.data.retry_after_ms > 0);
      assert.equal(hub.methods.get('echo.lost'), undefined);
      assert.equal(rig.status('lost')?.fill, 'red');
    });

    it('positional params get their names', async () => {
      assert.equal(await ask(rig, 'greet.somebody', ['you']), 'hello you');
    });

    it('params that do not fit the schema, and callers without the role, never reach the flow', async () => {
      const before = rig.received('greetIn').length;
      const invalid = await call(rig, 'greet.somebody', { name: 7 });
      assert.equal(invalid.error?.code, -32602);
      assert.match(invalid.error.data.reason as string, /name/);
      const hub = await rig.hub();
      const { api_key } = await hub.devices.register(esp32() as never, undefined);
      assert.equal((await call(rig, 'greet.somebody', { name: 'x' }, api_key)).error?.code, -32005);
      assert.equal(rig.received('greetIn').length, before);
    });

    it('only an open method answers without a key', async () => {
      assert.deepEqual(await ask(rig, 'echo', { a: 1 }, ''), { a: 1 });
      assert.equal((await call(rig, 'greet.somebody', { name: 'x' }, '')).error?.code, -32005);
    });

    it('a call that nobody ends gets -32003, and the answer that comes later goes nowhere', async () => {
      assert.equal((await call(rig, 'greet.somebody', { name: 'later' })).error?.code, -32003);
      const hub = await rig.hub();
      const late = hub.dispatcher.stats().late_answers;
      const { error, dones } = await rig.input('out', { ...kept[0], payload: 'too late' });
      assert.equal(error, undefined);
      assert.equal(dones, 1);
      assert.equal(hub.dispatcher.stats().late_answers, late + 1);
    });

    it('an error of a node on the way reaches the caller through a Catch node as -32603', async () => {
      const { error } = await call(rig, 'greet.somebody', { name: 'trouble' });
      assert.equal(error?.code, -32603);
      assert.match(error.data.reason as string, /no greeting/);
    });

    it('msg.error of a refused output is the answer as it is', async () => {
      const refusal = { code: -32000, message: 'Device not found', data: { reason: 'gone' } };
      const hub = await rig.hub();
      const call = hub.dispatcher.invoke(
        'greet.somebody',
        { name: 'later' },
        { principal: { id: 'admin', role: 'llm_admin' }, transport: 'flow' },
      );
      const answer = assert.rejects(call, { code: -32000, reason: 'gone' });
      const message = await until('the call', () => kept[1]);
      await rig.input('out', { ...message, error: refusal });
      await answer;
    });

    it('rpc out says so when a message belongs to no call, or when it has no hub', async () => {
      const stray = await rig.input('out', { payload: 1 });
      assert.match(stray.error!.message, /msg\.rpc is missing/);
      assert.equal(stray.dones, 1);
      assert.match(rig.status('out')?.text ?? '', /^refused: .*msg\.rpc/);
      assert.equal(rig.status('outAlone')?.text, 'no hub is chosen');
      const orphan = await rig.input('outAlone', { payload: 1 });
      assert.match(orphan.error!.message, /hub/);
      assert.equal(orphan.dones, 1);
    });

    it('a caught error of a message that belongs to no call is logged, not caught in circles', async () => {
      const before = rig.caught().length;
      const { error, dones } = await rig.input('greeter', { payload: { name: 'trouble' } });
      assert.equal(error?.message, 'no greeting');
      assert.equal(dones, 1);
      await until('the log', () => rig.errors().some((text) => /no greeting/.test(text)));
      assert.equal(rig.caught().length, before + 1);
    });

    const broken: [id: string, what: string, reason: RegExp][] = [
      ['twice', 'a name that is declared already', /declared already/],
      ['notJson', 'params that are no JSON', /JSON/],
      ['notASchema', 'params that are no JSON Schema', /params/],
      ['badName', 'a name that cannot be one', /method name/],
    ];
    for (const [id, what, reason] of broken)
      it(`rpc in shows ${what} in red and in the log, and declares nothing`, async () => {
        assert.equal(rig.status(id)?.fill, 'red');
        assert.match(rig.status(id)?.text ?? '', reason);
        assert.ok(rig.errors().some((text) => reason.test(text)));
        const hub = await rig.hub();
        assert.deepEqual(hub.methods.names(), ['echo', 'echo.narrowed', 'greet.somebody']);
      });

    it('methods of devices come and go with the devices that offer them', async () => {
      const hub = await rig.hub();
      const { device_id } = await hub.devices.register(esp32() as never, undefined);
      await hub.devices.registerMethod({
        device_id,
        method_name: 'pump.start',
        schema: { type: 'object', properties: { seconds: { type: 'number' } } },
      });
      assert.equal((await call(rig, 'pump.start', { seconds: 'x' })).error?.code, -32602);
      assert.deepEqual(await ask(rig, 'pump.start', { seconds: 3 }), { seconds: 3 });
      assert.equal(rig.received('ofDevices').at(-1)?.topic, 'pump.start');
      await hub.removeDevice(device_id);
      assert.equal((await call(rig, 'pump.start', {})).error?.code, -32601);
    });

    it('a deploy without the node withdraws its method, and the name is free again', async () => {
      await rig.deploy({ nodes: nodes.filter(({ id }) => id !== 'greetIn') });
      assert.deepEqual((await rig.hub()).methods.names(), [
        'echo',
        'echo.narrowed',
        'greet.somebody',
      ]);
      assert.equal(rig.status('twice')?.text, 'ready');
      await rig.deploy({ nodes: nodes.filter(({ type }) => type === 'llm-iot-rpc-out') });
      assert.equal((await call(rig, 'greet.somebody', { name: 'x' })).error?.code, -32601);
    });
  });
