import assert from 'node:assert/strict';
import { injections } from '../data/injections.ts';
import {
  ask,
  call,
  esp32,
  eventually,
  joinDevice,
  openSocket,
  type RpcResponse,
  type TestDevice,
} from '../support/hub-client.ts';
import { leaksIn, type Leak } from '../support/hostile-words.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import { roleCalls, type CallTargets } from '../support/role-calls.ts';

/** What changes the hub for everybody is called once, at the end. */
const forOnce = /^(?:key|hub|schema)\.|^device\.(?:remove|register)|^alert\.acknowledge/;

describe('hostile words of devices', function () {
  this.timeout(120_000);
  let hub: RunningHub;
  let actor: TestDevice;
  let socket: Awaited<ReturnType<typeof openSocket>>;
  /** What the actor answers next. */
  let answer: object = { result: {} };
  const ids: string[] = [];
  let key: string;

  before(async () => {
    hub = await startHub();
    ({ key } = await ask(hub, 'key.create', { role: 'llm_admin', name: 'reader' }));
    socket = await openSocket(hub);
    await socket.call('subscribe', { channels: ['*'] });
    for (const { text, mark } of injections) ids.push(await joinHostile(text, mark));
    actor = await joinDevice(hub, esp32('actor', { commands: { read: {} } }));
    await actor.onCommand(() => answer);
    await ask(hub, 'device.register_method', { device_id: actor.id, method_name: 'test.own' });
  });
  after(async () => {
    socket.socket.terminate();
    await actor.end();
    await hub.stop();
    await hub.cleanUp();
  });

  /** A device all of whose words are the text. */
  async function joinHostile(whole: string, mark: string): Promise<string> {
    const text = whole.slice(0, 120).toWellFormed();
    const { device_id: id, api_key } = await ask(
      hub,
      'device.register',
      {
        ...{ device_type: 'mcu', name: text, location: text, labels: { room: text, [text]: 'x' } },
        static_schema: {
          ...{ manufacturer: text, model: text, firmware_version: '1.0.0' },
          ...{ hardware_id: `hostile-${mark}`, notes: text, [text]: text },
          measurements: [
            { measurement_type: 'note', value_type: 'string' },
            { measurement_type: 'temperature', unit: 'celsius' },
          ],
          commands: {
            read: {
              description: text,
              arguments: {
                type: 'object',
                description: text,
                properties: { mode: { enum: ['plain', text], description: text }, [text]: {} },
                additionalProperties: false,
              },
            },
          },
        },
      },
      hub.registrationKey,
    );
    await call(
      hub,
      'sensor.discover',
      {
        mcu_id: id,
        name: text,
        static_schema: {
          sensor_type: 'custom',
          name: text,
          manufacturer: text,
          model: text,
          notes: text,
          measurements: [{ measurement_type: 'depth', unit: text }],
        },
      },
      api_key,
    );
    await call(
      hub,
      'device.register_method',
      {
        device_id: id,
        // A name of a method is one word of small letters and digits: it can say nothing.
        method_name: `hostile.${mark.replace('zq', 'n')}`,
        description: text,
        schema: {
          arguments: { type: 'object', title: text, properties: { a: { description: text } } },
        },
      },
      api_key,
    );
    await call(
      hub,
      'telemetry.update',
      {
        device_id: id,
        data: {
          operational_status: { state: text, [text]: text },
          live_readings: [
            { measurement_type: 'note', value: whole.slice(0, 1_000).toWellFormed() },
            { measurement_type: 'temperature', value: text },
            { measurement_type: text, value: 1, unit: text },
          ],
        },
      },
      api_key,
    );
    return id;
  }

  const found: (Leak & { in: string })[] = [];
  const judge = (where: string, { result, error }: RpcResponse): void => {
    for (const leak of leaksIn(error ? error.data : result)) found.push({ in: where, ...leak });
  };
  const none = (): void => {
    const some = found.splice(0).slice(0, 12);
    assert.deepEqual(some, []);
  };
  /** What calls are about; a target of another kind is none, whose error is judged as well. */
  const targetsOf = (id: string): CallTargets => {
    const known: Partial<CallTargets> = {
      deviceId: id,
      spareDevice: () => Promise.resolve(id),
      spareKey: async () =>
        (await call(hub, 'key.create', { role: 'device', device_id: id })).result?.key_id ?? 'none',
      async doneCommand() {
        answer = { result: { note: injections[0]?.text } };
        const params = { device_id: actor.id, command: 'read' };
        return (await ask(hub, 'device.execute', params)).command_id;
      },
      async freshAlert() {
        const { alerts } = await ask(hub, 'alert.list', { state: 'raised', limit: 1 });
        return alerts[0]?.alert_id ?? 'none';
      },
    };
    return new Proxy(known as CallTargets, {
      get: (target, name) =>
        Reflect.get(target, name) ??
        (() => Promise.resolve('00000000-0000-4000-8000-000000000000')),
    });
  };
  const listed = async (): Promise<{ name: string; read_only: boolean; device_ids?: string[] }[]> =>
    (await ask(hub, 'rpc.methods', {}, key)).methods;
  const paramsOf = async (method: string, id: string): Promise<object> => {
    const entry = roleCalls[method];
    assert.ok(entry, `${method} has no call in test/support/role-calls.ts`);
    return entry.params(targetsOf(id));
  };

  it('there are more than a hundred of them, each different', () => {
    assert.ok(injections.length >= 100);
    assert.equal(new Set(injections.map(({ text }) => text)).size, injections.length);
    assert.equal(ids.length, injections.length);
  });

  it('stay in their own fields, named in untrusted, in every answer of every method that reads', async () => {
    let asked = 0;
    for (const { name, read_only, device_ids } of await listed()) {
      if (!read_only || device_ids || roleCalls[name]?.onSocket || name === 'test.own') continue;
      asked += 1;
      const params = JSON.stringify(await paramsOf(name, ids[0]!));
      const about = params.includes(ids[0]!) ? ids : ids.slice(0, 1);
      for (const id of about)
        judge(name, await call(hub, name, JSON.parse(params.replaceAll(ids[0]!, id)), key));
    }
    assert.ok(asked >= 10);
    // Lists go on to their last page.
    for (const method of [
      'device.list',
      'sensor.list',
      'alert.list',
      'audit.query',
      'schema.list',
    ]) {
      let cursor: string | undefined;
      do {
        const page = await call(hub, method, { limit: 100, ...(cursor && { cursor }) }, key);
        judge(method, page);
        cursor = page.result?.cursor;
      } while (cursor);
    }
    judge('telemetry.latest of all', await call(hub, 'telemetry.latest', {}, key));
    none();
  });

  it('stay there in what a device answers to a command, result or error', async () => {
    for (const [at, { text }] of injections.entries()) {
      const ways = [
        { result: text },
        { result: { [text]: text, list: [text], applied_config: { mode: text } } },
        {
          error: { code: 7, message: text, data: { reason: text, suggestions: [text], fix: text } },
        },
        { error: { code: -32602, message: text, data: { field: text, untrusted: [] } } },
        { error: text },
      ];
      for (const said of [ways[at % 2], ways[2 + (at % 3)]]) {
        answer = said ?? {};
        const params = { device_id: actor.id, command: 'read', arguments: {} };
        judge('device.execute', await call(hub, 'device.execute', params, key));
      }
      const batch = { device_ids: [actor.id], command: 'read' };
      if (at % 2 === 0) judge('test.own', await call(hub, 'test.own', {}, key));
      else judge('device.batch_execute', await call(hub, 'device.batch_execute', batch, key));
    }
    judge('device.get', await call(hub, 'device.get', { device_id: actor.id }, key));
    judge('audit.query', await call(hub, 'audit.query', { limit: 1000 }, key));
    none();
  });

  it('stay there in errors about a device: its name, its commands, its words that would do', async () => {
    for (const [at, { text }] of injections.entries()) {
      const device_id = ids[at];
      judge('a name for an id', await call(hub, 'device.get', { device_id: `${text}.` }, key));
      const phrase = text.slice(0, 200);
      judge('a phrase', await call(hub, 'name.resolve', { phrase }, key));
      judge(
        'a device',
        await call(hub, 'device.describe', { device: `the ${phrase.slice(4)}` }, key),
      );
      judge('a search', await call(hub, 'device.find', { query: phrase, detail: 'full' }, key));
      judge(
        'a name for a command',
        await call(hub, 'device.execute', { device_id, command: text }, key),
      );
      for (const args of [
        { mode: 'plan' },
        { mode: text.slice(0, -1) },
        { mode: 7 },
        { [text]: 1, x: 1 },
      ])
        judge(
          'arguments',
          await call(hub, 'device.execute', { device_id, command: 'read', arguments: args }, key),
        );
    }
    none();
  });

  it('come back quoted when a caller says them', async () => {
    const own: Leak[] = [];
    const names = (await listed()).filter(
      ({ name, device_ids }) => !device_ids && !forOnce.test(name),
    );
    for (const [at, { text }] of injections.entries()) {
      const { name } = names[at % names.length]!;
      for (const params of [
        { device_id: text, device: text, command: text },
        { [text]: text },
        { device_ids: [text], time_range: text, cursor: text },
      ]) {
        const { error } = await call(hub, name, params, key);
        // What a caller said itself is nobody else's word: only sentences of the hub are looked at.
        const { reason, suggestions, fix } = error?.data ?? {};
        own.push(...leaksIn({ reason, suggestions, fix }));
      }
      const unknown = await call(hub, text, {}, key);
      own.push(...leaksIn({ ...unknown.error?.data, untrusted: ['method'] }));
    }
    assert.deepEqual(own.slice(0, 12), []);
  });

  it('stay there in live updates', async () => {
    await eventually('the updates', () => socket.updates().length > injections.length);
    for (const update of socket.updates()) judge(`stream ${update.channel}`, { result: update });
    none();
  });

  it('leave the shape of every response alone', async () => {
    for (const id of ids) {
      const response = await fetch(`${hub.url}/rpc`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id,
          method: 'device.get',
          params: { device_id: id },
        }),
      });
      const text = await response.text();
      assert.ok(!/[\u0000-\u001f\u007f-\u009f]/.test(text));
      const parsed = JSON.parse(text);
      assert.deepEqual(Object.keys(parsed), ['jsonrpc', 'result', 'id']);
      assert.equal(parsed.id, id);
      assert.equal(parsed.result.device_id, id);
      assert.ok(!Object.hasOwn(parsed.result.labels, '__proto__'));
    }
  });

  it('stay there in every method that changes something, called once', async () => {
    const { text } = injections[0]!;
    answer = { result: { note: text } };
    for (const { name, read_only, device_ids } of await listed()) {
      if (read_only || device_ids || roleCalls[name]?.onSocket) continue;
      const id = /execute|plan/.test(name) ? actor.id : ids[1]!;
      judge(name, await call(hub, name, await paramsOf(name, id), key));
    }
    none();
  });
});
