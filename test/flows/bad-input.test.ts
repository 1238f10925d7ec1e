import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connectAsync } from 'mqtt';
import type { LedgerAccount } from '../../nodes/core/telemetry/ledger.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import {
  ask,
  call,
  eventually,
  joinDevice,
  openSocket,
  temperature,
  type TestDevice,
} from '../support/hub-client.ts';
import { post, roomNode } from '../support/house.ts';

const bytes = (...parts: (string | number[])[]): Buffer =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))),
  );

/** A body that asks for something, with a place for what is wrong in it. */
const around = (params: string): string =>
  `{"jsonrpc":"2.0","id":"bad","method":"device.list","params":${params}}`;

/** Bodies of a call and the code they deserve, whatever they come over. */
const badCalls: Record<string, [body: string | Buffer, code: number]> = {
  'no JSON': ['{"jsonrpc": "2.0", "method": ', -32700],
  nothing: ['', -32700],
  'NaN and Infinity': [around('{"limit":NaN}'), -32700],
  'a number beyond a double': [around('{"limit":1e999}'), -32700],
  'duplicate keys': [around('{"limit":1,"limit":2}'), -32700],
  'a __proto__ key': [around('{"__proto__":{"role":"llm_admin"}}'), -32700],
  'a depth bomb': [around('['.repeat(50_000) + ']'.repeat(50_000)), -32700],
  'an object bomb': [around('{"a":'.repeat(1_000) + '1' + '}'.repeat(1_000)), -32700],
  'bad UTF-8': [bytes('{"jsonrpc":"2.0","id":"bad","method":"', [0xc3, 0x28], '"}'), -32700],
  'half a surrogate pair': [around('{"search":"\\ud800"}'), -32700],
  'a request that is no object': ['"device.list"', -32600],
  'a request without a version': ['{"id":"bad","method":"device.list"}', -32600],
  'a method that is no text': ['{"jsonrpc":"2.0","id":"bad","method":17}', -32600],
  'params that are text': [around('"all"'), -32600],
  'an id that is an object': ['{"jsonrpc":"2.0","id":{},"method":"device.list"}', -32600],
  'an unknown method': ['{"jsonrpc":"2.0","id":"bad","method":"toString"}', -32601],
  'a method named __proto__': ['{"jsonrpc":"2.0","id":"bad","method":"__proto__"}', -32601],
  'a wrong type': [around('{"limit":"ten"}'), -32602],
  'an unknown param': [around('{"constructor":1}'), -32602],
  'readings of a time that is none': [
    '{"jsonrpc":"2.0","id":"bad","method":"telemetry.update","params":{"device_id":"x","timestamp":"soon","data":{}}}',
    -32602,
  ],
  'a batch that is too big': [
    `[${Array.from({ length: 101 }, () => around('{}')).join()}]`,
    -32006,
  ],
};

describe('bad input to the running hub', function () {
  this.timeout(20_000);
  let hub: RunningHub;
  /** A device that does nothing wrong, and must not notice any of this. */
  let bystander: TestDevice;
  let bystanderLeft = false;
  /** Readings of the bystander, the only ones there are. */
  let good = 0;

  before(async () => {
    hub = await startHub();
    bystander = await joinDevice(hub, roomNode('kitchen'));
    bystander.mqtt.on('close', () => (bystanderLeft = true));
    await bystander.publish('telemetry', temperature(20));
    good += 1;
  });
  afterEach(
    'nothing is stored, nothing has crashed, the well-behaved client is still connected',
    async () => {
      const info = await ask(hub, 'hub.info');
      assert.equal(info.devices.devices, 1);
      const accounts = Object.values(info.telemetry.readings as Record<string, LedgerAccount>);
      assert.equal(
        accounts.reduce((sum, { stored }) => sum + stored, 0),
        good,
      );
      assert.deepEqual(info.problems, []);
      assert.equal(bystanderLeft, false);
      await bystander.publish('telemetry', temperature(21));
      good += 1;
    },
  );
  after(async () => {
    await bystander.end();
    await hub.stop();
    await hub.cleanUp();
  });

  const errorsOf = async (code: number): Promise<number> =>
    (await ask(hub, 'hub.info')).rpc.errors[code] ?? 0;
  const logged = (line: RegExp): Promise<unknown> =>
    eventually(`a line in the log: ${line.source}`, () => Promise.resolve(line.test(hub.output())));

  describe('over HTTP', () => {
    for (const [what, [body, code]] of Object.entries(badCalls))
      it(`${what} is answered ${code} with a reason, logged and counted`, async () => {
        const before = await errorsOf(code);
        const { json } = await post(hub, body);
        assert.equal(json.error.code, code);
        assert.equal(typeof json.error.data.reason, 'string');
        assert.equal(await errorsOf(code), before + 1);
        await logged(new RegExp(`http: .*failed with ${code}`));
      });

    it('a body of 10 MB is answered 413 with -32006, logged and counted', async () => {
      const before = await errorsOf(-32006);
      const { status, json } = await post(
        hub,
        around(JSON.stringify({ search: 'x'.repeat(10_485_760) })),
      );
      assert.equal(status, 413);
      assert.equal(json.error.code, -32006);
      assert.match(json.error.data.reason, /1048576 bytes/);
      assert.equal(await errorsOf(-32006), before + 1);
    });

    it('other HTTP methods and media types are answered 405 and 415', async () => {
      const get = await fetch(`${hub.url}/rpc`);
      assert.equal(get.status, 405);
      assert.equal(get.headers.get('allow'), 'POST');
      const form = await fetch(`${hub.url}/rpc`, { method: 'POST', body: 'method=device.list' });
      assert.equal(form.status, 415);
      assert.equal(((await form.json()) as { error: { code: number } }).error.code, -32600);
    });
  });

  describe('over WebSocket', () => {
    for (const [what, [body, code]] of Object.entries(badCalls))
      it(`${what} is answered ${code}, and the socket stays open`, async () => {
        const client = await openSocket(hub);
        client.socket.send(body);
        const [answer] = await eventually('the answer', () =>
          Promise.resolve(client.received.length > 0 && client.received),
        );
        assert.equal(answer.error.code, code);
        assert.equal((await client.call('hub.health')).result.status, 'up');
        await client.close();
      });

    it('a message of 10 MB closes the socket that sent it, with 1009, and no other; it is logged and counted', async () => {
      const before = await errorsOf(-32600);
      const other = await openSocket(hub);
      const client = await openSocket(hub, bystander.key);
      const closed = once(client.socket, 'close') as Promise<[number]>;
      client.socket.send('x'.repeat(10_485_760));
      assert.equal((await closed)[0], 1009);
      assert.equal(await errorsOf(-32600), before + 1);
      await logged(/websocket: .*Max payload size exceeded/);
      assert.equal((await other.call('hub.health')).result.status, 'up');
      await other.close();
    });
  });

  describe('over MQTT', () => {
    const badTelemetry: Record<string, [payload: string | Buffer, cause: string]> = {
      'no JSON': ['{"measurement_type": "temperature", ', '-32700'],
      NaN: ['{"measurement_type":"temperature","value":NaN}', '-32700'],
      'duplicate keys': ['{"measurement_type":"temperature","value":1,"value":2}', '-32700'],
      'a depth bomb': ['['.repeat(50_000), '-32700'],
      'bad UTF-8': [bytes('{"measurement_type":"', [0xff, 0xfe], '","value":1}'), '-32700'],
      'a number for a message': ['42', '-32004'],
      'an object of another kind': ['{"hello":"hub"}', '-32004'],
      'params of a wrong type': ['{"data":"warm"}', '-32602'],
      'another method': ['{"jsonrpc":"2.0","method":"device.remove","params":{}}', '-32602'],
    };
    for (const [what, [payload, cause]] of Object.entries(badTelemetry))
      it(`telemetry that is ${what} is acknowledged, raises an alarm and is counted as ${cause}`, async () => {
        const count = async (): Promise<number> =>
          (await ask(hub, 'hub.info')).telemetry.messages.mqtt?.refused[cause] ?? 0;
        const alarms = async (): Promise<number> =>
          (await ask(hub, 'alert.list', { device_id: bystander.id })).alerts[0]?.count ?? 0;
        const before = [await count(), await alarms()] as const;
        const topic = `llm-iot/devices/${bystander.id}/telemetry`;
        await bystander.mqtt.publishAsync(topic, payload, { qos: 1 });
        assert.equal(await count(), before[0] + 1);
        await eventually('the alarm', async () => (await alarms()) === before[1] + 1);
      });

    it('readings of wrong types are refused one by one, and counted', async () => {
      const rejected = async (): Promise<number> =>
        (await ask(hub, 'hub.info')).telemetry.readings.mqtt.rejected['-32004'] ?? 0;
      const before = await rejected();
      await bystander.publish('telemetry', [
        temperature(null as never),
        { measurement_type: 7, value: 1 },
        { measurement_type: 'temperature', value: { celsius: 20 } },
        temperature('x'.repeat(2_000) as never),
        temperature(20, { unit: ['celsius'] }),
        temperature(20, { timestamp: {} }),
        null,
      ]);
      assert.equal(await rejected(), before + 7);
    });

    it('an announcement that makes no sense is answered, raises an alarm and is counted', async () => {
      const refused = async (): Promise<Record<string, number>> =>
        (await ask(hub, 'hub.info')).telemetry.messages.mqtt?.refused;
      const before = await refused();
      const clientId = 'board-with-a-bug';
      const board = await connectAsync(hub.mqttUrl, {
        clientId,
        username: 'register',
        password: hub.registrationKey,
        reconnectPeriod: 0,
      });
      const answers: { error: { code: number } }[] = [];
      board.on('message', (_topic, payload) => {
        answers.push(JSON.parse(payload.toString()) as (typeof answers)[number]);
      });
      await board.subscribeAsync(`llm-iot/discovery/response/${clientId}`);
      const bad: [string, number][] = [
        ['register me', -32700],
        ['[]', -32600],
        [
          '{"jsonrpc":"2.0","id":"bad","method":"device.register","params":{"device_type":7}}',
          -32602,
        ],
        [
          '{"jsonrpc":"2.0","id":"bad","method":"device.register","params":{"device_type":"mcu","static_schema":{}}}',
          -32004,
        ],
      ];
      for (const [payload, code] of bad) {
        await board.publishAsync('llm-iot/discovery/announce', payload, { qos: 1 });
        const answer = await eventually('the answer', () => Promise.resolve(answers.shift()));
        assert.equal(answer.error.code, code);
      }
      const after = await refused();
      for (const [, code] of bad) assert.equal(after[code], (before[code] ?? 0) + 1, String(code));
      const { alerts } = await ask(hub, 'alert.list');
      const alarm = alerts.find(({ device_id }: { device_id?: string }) => device_id === undefined);
      assert.equal(alarm.kind, 'bad_message');
      await logged(/mqtt: .*failed with -32700/);
      await board.endAsync(true);
    });

    it('hostile client ids are served or refused, and hurt nobody', async () => {
      for (const clientId of [
        '__proto__',
        'constructor',
        'toString',
        '../../etc/passwd',
        '#',
        '+/+',
        '"; DROP TABLE records; --',
        '🏠'.repeat(30),
        'a\u0007b',
        'x'.repeat(500),
      ]) {
        const client = await connectAsync(hub.mqttUrl, {
          clientId,
          username: 'register',
          password: hub.registrationKey,
          reconnectPeriod: 0,
        }).catch(() => undefined);
        if (!client) continue;
        await client.publishAsync('llm-iot/discovery/announce', 'x', { qos: 1 });
        await client.endAsync(true);
      }
      assert.equal((await ask(hub, 'hub.health')).status, 'up');
    });

    it('a packet of 10 MB costs the connection of its sender alone; it is logged and counted', async () => {
      const refused = async (): Promise<number> => (await ask(hub, 'hub.info')).mqtt.refused;
      const before = await refused();
      const board = await connectAsync(hub.mqttUrl, {
        clientId: 'big-board',
        username: 'register',
        password: hub.registrationKey,
        reconnectPeriod: 0,
      });
      const closed = new Promise((resolve) => board.once('close', () => resolve(true)));
      board.on('error', () => undefined);
      const packet = Buffer.alloc(10_485_760);
      board.publish('llm-iot/discovery/announce', packet, { qos: 1 }, () => undefined);
      await closed;
      assert.equal(await refused(), before + 1);
      await logged(/MQTT client "big-board"/);
      board.end(true);
    });
  });

  it('calls that a key does not allow are logged without the key', async () => {
    const { error } = await call(hub, 'device.list', {}, 'stolen-key-of-somebody');
    assert.equal(error?.code, -32005);
    await logged(/http: device\.list from somebody without a key failed with -32005/);
    assert.ok(!hub.output().includes('stolen-key-of-somebody'));
  });

  it('names and strings of devices are limited in length and stripped of control characters', async () => {
    const made = await ask(
      hub,
      'device.register',
      {
        device_type: 'mcu\u0000\u001b[31m',
        name: `<script>alert(1)</script>\u0007\u202e${'n'.repeat(200)}`,
        location: 'hall\r\nX-Injected: yes',
        labels: { 'flo\u0000or': 'gro\u0000und' },
        static_schema: {
          manufacturer: 'Esp\u0000ressif',
          model: 'ESP32\u001b[2J',
          note: 'line\u0000',
        },
      },
      hub.registrationKey,
    );
    const device = await ask(hub, 'device.get', { device_id: made.device_id });
    assert.ok(device.name.length <= 128);
    assert.doesNotMatch(JSON.stringify(device), /[\u0000-\u001f\u007f-\u009f]|\\u00[01]/);
    assert.equal(device.manufacturer, 'Espressif');
    await ask(hub, 'device.remove', { device_id: made.device_id });
    const tooLong = await call(
      hub,
      'device.register',
      roomNode('x', { name: 'n'.repeat(10_000) }),
      hub.registrationKey,
    );
    assert.equal(tooLong.error?.code, -32602);
    assert.equal(tooLong.error.data.field, 'name');
    const huge = await call(
      hub,
      'device.register',
      {
        device_type: 'mcu',
        static_schema: { manufacturer: 'x', model: 'y', blob: 'z'.repeat(70_000) },
      },
      hub.registrationKey,
    );
    assert.equal(huge.error?.code, -32006);
  });
});
