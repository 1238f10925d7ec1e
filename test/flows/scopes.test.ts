import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { connectAsync } from 'mqtt';
import type { Scope } from '../../nodes/core/security/types.ts';
import { createKey, type CreatedKey } from '../support/create-key.ts';
import {
  ask,
  call,
  eventually,
  joinDevice,
  openSocket,
  temperature,
  type RpcResponse,
  type TestDevice,
} from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';

const root = join(import.meta.dirname, '..', '..');
const rooms = ['kitchen', 'office', 'hall'];
const types = ['mcu', 'meter'];
const timeRange = { start: '2026-01-01T00:00:00Z', end: '2036-01-01T00:00:00Z' };

/** A device of the house as it was registered, with its sensor. */
interface Home {
  id: string;
  sensorId: string;
  type: string;
  labels: Record<string, string>;
}

const registration = (index: number): object => ({
  device_type: types[index % types.length],
  name: `device number ${index}`,
  labels: { room: rooms[index % rooms.length], floor: String(index % 2) },
  static_schema: {
    manufacturer: 'Espressif',
    model: 'ESP32-S3',
    hardware_id: `scope-${index}`,
    commands: {
      read: {},
      set: { arguments: { type: 'object', properties: { level: { type: 'number' } } } },
    },
  },
});

/** By hand, so that the test does not share the rule it tests. */
const isIn = (scope: Scope, { id, type, labels }: Home): boolean => {
  if (scope.device_ids && !scope.device_ids.includes(id)) return false;
  if (scope.device_types && !scope.device_types.includes(type)) return false;
  return Object.entries(scope.labels ?? {}).every(([label, text]) => labels[label] === text);
};

/** Any scope that is for some devices. */
const scopes = (homes: readonly Home[]): fc.Arbitrary<Scope> =>
  fc
    .record(
      {
        device_ids: fc.subarray(
          homes.map(({ id }) => id),
          { minLength: 1 },
        ),
        device_types: fc.subarray(types, { minLength: 1 }),
        labels: fc.dictionary(
          fc.constantFrom('room', 'floor'),
          fc.constantFrom(...rooms, '0', '1'),
          { minKeys: 1 },
        ),
      },
      { requiredKeys: [] },
    )
    .filter((scope) => Object.keys(scope).length > 0);

describe('scopes with the running hub', function () {
  this.timeout(60_000);
  let hub: RunningHub;
  const homes: Home[] = [];
  /** A command of each device and sensor. */
  const commandOf = new Map<string, string>();
  const approvalOf = new Map<string, string>();
  let devices: TestDevice[] = [];
  const random: { scope: Scope; key: string }[] = [];
  let keys: Record<
    'cook' | 'admin' | 'reader' | 'slow' | 'young' | 'careful' | 'operator',
    CreatedKey
  >;

  before(async () => {
    hub = await startHub();
    for (let index = 0; index < 8; index += 1) {
      const device = await ask(hub, 'device.register', registration(index));
      const sensor = await ask(hub, 'sensor.discover', {
        mcu_id: device.device_id,
        static_schema: { manufacturer: 'Bosch', model: 'BMP580', i2c_address: '0x47' },
      });
      homes.push({
        id: device.device_id,
        sensorId: sensor.sensor_id,
        type: types[index % types.length]!,
        labels: { room: rooms[index % rooms.length]!, floor: String(index % 2) },
      });
    }
    const cook = { labels: { room: 'kitchen' } };
    keys = {
      cook: await createKey(hub, 'llm_read', cook),
      admin: await createKey(hub, 'llm_admin', cook),
      reader: await createKey(hub, 'llm_admin', {
        methods: ['device.*', 'hub.info', 'rpc.methods'],
      }),
      slow: await createKey(hub, 'llm_read', { calls_per_minute: 3 }),
      young: await createKey(hub, 'llm_read', { read_window: '1h' }),
      careful: await createKey(hub, 'llm_write', {
        commands: ['set', 'valve.*'],
        arguments: { set: { properties: { level: { maximum: 10 } } } },
      }),
      operator: await createKey(hub, 'user_operator'),
    };
    const drawn = fc.sample(scopes(homes), { numRuns: 30, seed: 20_261_128 });
    for (const scope of drawn)
      random.push({ scope, key: (await createKey(hub, 'llm_admin', scope)).key });

    for (const { id, sensorId } of homes) {
      await ask(hub, 'telemetry.update', {
        device_id: id,
        data: {
          live_readings: [
            temperature(20),
            temperature(18, { timestamp: new Date(Date.now() - 7_200_000).toISOString() }),
            { measurement_type: 'pressure', value: 1_000, unit: 'hPa', sensor_id: sensorId },
          ],
        },
      });
      // Nobody takes them in, so they wait.
      await ask(hub, 'device.heartbeat', { device_id: id, status: 'offline' });
      const method = { device_id: id, method_name: 'own.wipe', destructive: true };
      await ask(hub, 'device.register_method', method);
      const wipe = { device_id: id, command: 'own.wipe', wait: true };
      const { error } = await call(hub, 'device.execute', wipe);
      approvalOf.set(id, error?.data.approval_id);
      for (const target of [id, sensorId]) {
        const params = { device_id: target, command: 'read', wait: true, reason: `about ${id}` };
        commandOf.set(target, (await ask(hub, 'device.execute', params)).command_id);
      }
      // A text in a series of numbers is refused and raises an alarm.
      await call(hub, 'telemetry.update', {
        device_id: id,
        data: { live_readings: [temperature('warm' as never)] },
      });
      await ask(hub, 'device.register_method', {
        device_id: id,
        method_name: `own.of_${id.slice(0, 8)}`,
      });
      await ask(hub, 'device.register_method', { device_id: id, method_name: 'valve.open' });
    }
    await eventually('an alarm of each', async () => {
      const { alerts } = await ask(hub, 'alert.list', {});
      return alerts.length >= homes.length;
    });
  });
  after(async () => {
    await Promise.all(devices.map((device) => device.end()));
    await hub.stop();
    await hub.cleanUp();
  });

  const inKitchen = (): Home[] => homes.filter(({ labels }) => labels['room'] === 'kitchen');
  const outside = (): Home => homes.find(({ labels }) => labels['room'] === 'office')!;

  /** Every reading call there is, by a caller who tries to reach all devices. */
  const readings = (asked: readonly string[]): [method: string, params: object][] => [
    ['rpc.methods', {}],
    ['rpc.discover', {}],
    ['hub.info', {}],
    ['hub.health', {}],
    ['audit.query', {}],
    ['key.list', {}],
    ['schema.list', {}],
    ['schema.get', { name: 'mcu' }],
    ['comfort.assess', { temperature: 21, humidity: 50 }],
    ['device.find', {}],
    ['device.find', { query: 'device', limit: 2 }],
    ['device.find', { room: 'kitchen', status: 'online' }],
    ['device.describe', { device: 'device number 3' }],
    ['name.resolve', { phrase: 'device number 3' }],
    ['name.resolve', { phrase: 'all devices', limit: 50 }],
    ['device.list', {}],
    ['device.list', { limit: 1 }],
    ['device.list', { search: 'device', limit: 2 }],
    ['device.list', { cursor: `2000-01-01T00:00:00.000Z/${asked[0]}` }],
    ['sensor.list', {}],
    ['sensor.list', { limit: 1 }],
    ['alert.list', {}],
    ['alert.list', { limit: 1 }],
    ['device.plan', { device_ids: asked, command: 'read' }],
    ['approval.list', {}],
    ['approval.list', { limit: 1 }],
    ...asked.map((id): [string, object] => [
      'approval.get',
      { approval_id: approvalOf.get(id) ?? id },
    ]),
    ['command.list', {}],
    ['command.list', { limit: 1 }],
    ...asked.map((id): [string, object] => [
      'command.get',
      { command_id: commandOf.get(id) ?? id },
    ]),
    ['telemetry.latest', {}],
    ['telemetry.read', {}],
    ['telemetry.read', { devices: asked.slice(0, 20), detail: 'full', max_bytes: 100_000 }],
    ['telemetry.history', { devices: asked.slice(0, 20), compare: 'previous', unusual: true }],
    ['telemetry.latest', { device_ids: asked }],
    ['data.query', { device_ids: asked, time_range: timeRange }],
    ['device.get', { device_id: 'device number 3' }],
    ['device.gett', {}],
    ['own.of_xxxxxxxx', {}],
    ['valve.open', { device_id: 'device number 3' }],
    ...asked.flatMap((id): [string, object][] => [
      ['device.get', { device_id: id }],
      ['device.describe', { device: id }],
      ['name.resolve', { phrase: id }],
      ['sensor.list', { mcu_id: id }],
      ['alert.list', { device_id: id }],
      ['command.list', { device_id: id }],
      ['telemetry.latest', { device_id: id }],
      ['telemetry.read', { device: id }],
      ['telemetry.history', { device: id, compare: asked.slice(0, 5) }],
      [
        'telemetry.wait',
        { device: id, measurement: 'pressure', until: { above: 0 }, timeout_s: 1 },
      ],
      ['alert.list', { device: id, max_bytes: 2_000 }],
    ]),
  ];
  /** Calls in batches, as long as a cursor leads on. */
  const answersTo = async (
    key: string,
    calls: readonly [method: string, params: object][],
  ): Promise<RpcResponse[]> => {
    const answers: RpcResponse[] = [];
    for (let from = 0; from < calls.length; from += 50) {
      const part = calls.slice(from, from + 50);
      const response = await fetch(`${hub.url}/rpc`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
        body: JSON.stringify(
          part.map(([method, params], id) => ({ jsonrpc: '2.0', id, method, params })),
        ),
      });
      const batch = (await response.json()) as (RpcResponse & { id: number })[];
      answers.push(...batch.sort((a, b) => a.id - b.id));
    }
    const next = calls.flatMap(([method, params], index): [string, object][] => {
      const cursor: unknown = answers[index]?.result?.cursor;
      return typeof cursor === 'string' ? [[method, { ...params, cursor }]] : [];
    });
    return next.length === 0 ? answers : [...answers, ...(await answersTo(key, next))];
  };

  it('the reading calls of this test are all there are', () => {
    const flow = JSON.parse(readFileSync(join(root, 'flows', 'hub.json'), 'utf8')) as {
      type: string;
      method: string;
      readOnly: boolean;
    }[];
    const asked = new Set(readings(['an id']).map(([method]) => method));
    const overSocket = ['subscribe', 'unsubscribe'];
    assert.deepEqual(
      flow
        .filter(({ type, readOnly }) => type === 'llm-iot-rpc-in' && readOnly)
        .map(({ method }) => method)
        .filter((method) => !asked.has(method) && !overSocket.includes(method)),
      [],
      'add a call of the new method to `readings`, which must not show a device outside of a scope',
    );
  });

  it('no answer to any reading call contains an id of a device outside, over random scopes', async () => {
    for (const { scope, key } of random) {
      const seen = homes.filter((home) => isIn(scope, home));
      const hidden = homes.filter((home) => !isIn(scope, home));
      // What the caller names itself may be in the words of a refusal.
      const own = await answersTo(
        key,
        readings(seen.flatMap(({ id, sensorId }) => [id, sensorId])),
      );
      const text = JSON.stringify(own);
      for (const { id, sensorId } of hidden)
        for (const secret of [id, sensorId, `own.of_${id.slice(0, 8)}`])
          assert.ok(!text.includes(secret), `${secret} with ${JSON.stringify(scope)}`);
      for (const { id } of seen)
        assert.ok(text.includes(id), `${id} with ${JSON.stringify(scope)}`);
      for (const home of hidden) {
        const asked = [home.id, home.sensorId];
        const answers = await answersTo(key, readings(asked));
        const said = JSON.stringify(answers);
        for (const other of hidden.filter((one) => one !== home))
          assert.ok(!said.includes(other.id), `${other.id} with ${JSON.stringify(scope)}`);
        for (const { result } of answers)
          assert.ok(!JSON.stringify(result ?? null).includes(home.id), JSON.stringify(result));
      }
    }
  });

  it('a page is full as long as there is more, and the pages hold exactly the devices of the scope', async () => {
    for (const { scope, key } of random) {
      const seen = homes.filter((home) => isIn(scope, home)).map(({ id }) => id);
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await ask(hub, 'device.list', { limit: 2, ...(cursor && { cursor }) }, key);
        const ids = (page.devices as { device_id: string }[]).map(({ device_id }) => device_id);
        assert.equal(ids.length, Math.min(2, seen.length - found.length));
        found.push(...ids);
        cursor = page.cursor;
      } while (cursor !== undefined);
      assert.deepEqual(found.sort(), [...seen].sort());
      const { devices: counts } = await ask(hub, 'hub.info', {}, key);
      assert.equal(counts.devices, seen.length);
    }
  });

  const naming: [method: string, params: (id: string) => object][] = [
    ['device.get', (id) => ({ device_id: id })],
    ['device.update', (id) => ({ device_id: id, name: 'mine' })],
    ['device.remove', (id) => ({ device_id: id })],
    ['device.execute', (id) => ({ device_id: id, command: 'read' })],
    ['device.batch_execute', (id) => ({ device_ids: [inKitchen()[0]!.id, id], command: 'read' })],
    ['device.heartbeat', (id) => ({ device_id: id })],
    ['device.register_method', (id) => ({ device_id: id, method_name: 'a.b' })],
    ['sensor.discover', (id) => ({ mcu_id: id, scan: { bus: 'i2c', address: '0x47' } })],
    ['sensor.list', (id) => ({ mcu_id: id })],
    ['alert.list', (id) => ({ device_id: id })],
    ['telemetry.latest', (id) => ({ device_ids: [id] })],
    ['telemetry.update', (id) => ({ device_id: id, data: { live_readings: [temperature(1)] } })],
    [
      'telemetry.update',
      (id) => ({
        device_id: inKitchen()[0]!.id,
        data: { live_readings: [{ ...temperature(1), device_id: id }] },
      }),
    ],
    ['data.query', (id) => ({ device_ids: [id], time_range: timeRange })],
    ['valve.open', (id) => ({ device_id: id })],
  ];
  for (const [method, params] of naming)
    it(`${method} says of a device outside what device.get says of one that does not exist`, async () => {
      const nowhere = '11111111-1111-4111-8111-111111111111';
      const of = async (asked: string, about: object, id: string): Promise<unknown> => {
        const { error } = await call(hub, asked, about, keys.admin.key);
        const { field, ...data } = error?.data ?? {};
        const text = JSON.stringify({ ...error, data }).replaceAll(id, 'ID');
        return text.replaceAll(`for ${field} from`, 'for it from');
      };
      const expected = await of('device.get', { device_id: nowhere }, nowhere);
      assert.match(String(expected), /-32000/);
      for (const id of [outside().id, outside().sensorId, nowhere])
        assert.equal(await of(method, params(id), id), expected);
    });

  it('an alarm of a device outside cannot be acknowledged, and is to the caller no alarm at all', async () => {
    const { alerts } = await ask(hub, 'alert.list', { device_id: outside().id });
    const acknowledge = (alert_id: string): Promise<RpcResponse> =>
      call(hub, 'alert.acknowledge', { alert_id }, keys.admin.key);
    const { error } = await acknowledge(alerts[0].alert_id);
    assert.equal(error?.code, -32602);
    assert.deepEqual(error, (await acknowledge('11111111-1111-4111-8111-111111111111')).error);
  });

  it('live updates by wildcard are those of the scope, and end when a label is taken away', async () => {
    const [kitchen] = inKitchen();
    const socket = await openSocket(hub, keys.cook.key);
    const all = await openSocket(hub);
    const report = async (id: string, value: number): Promise<void> => {
      await ask(hub, 'telemetry.update', {
        device_id: id,
        data: { live_readings: [temperature(value)] },
      });
      await eventually('it is told to who may hear it', () =>
        all.updates().some(({ data }) => data.live_readings?.[0]?.value === value),
      );
    };
    const channels = (): string[] => socket.updates().map(({ channel }) => channel as string);
    for (const one of [socket, all]) {
      const { error } = await one.call('subscribe', {
        channels: ['*', `device.${outside().id}.telemetry`, `device.${outside().sensorId}.*`],
      });
      assert.equal(error, undefined);
    }
    await report(outside().id, 31);
    await report(kitchen!.id, 32);
    assert.deepEqual(channels(), [`device.${kitchen!.id}.telemetry`]);
    await ask(hub, 'device.update', { device_id: kitchen!.id, labels: {} });
    const before = channels().length;
    await report(kitchen!.id, 33);
    await socket.call('rpc.methods'); // all that was sent before has arrived with this answer
    assert.equal(
      channels()
        .slice(before)
        .filter((one) => one.endsWith('telemetry')).length,
      0,
    );
    await ask(hub, 'device.update', { device_id: kitchen!.id, labels: kitchen!.labels });
    await report(kitchen!.id, 34);
    await eventually(
      'it is heard again',
      () => channels().at(-1) === `device.${kitchen!.id}.telemetry`,
    );
    await socket.close();
    await all.close();
  });

  it('over MQTT a scope bounds what is heard by wildcard, retained messages too, and what is published', async () => {
    devices = [await joinDevice(hub, registration(100)), await joinDevice(hub, registration(101))];
    const [kitchen, office] = (
      await Promise.all(devices.map((device) => ask(hub, 'device.get', { device_id: device.id })))
    ).map(({ device_id, labels }) => ({ id: device_id as string, room: labels.room as string }));
    const rooms = [kitchen!.room, office!.room];
    assert.equal(new Set(rooms).size, 2);
    await ask(hub, 'device.update', { device_id: kitchen!.id, labels: { room: 'kitchen' } });
    for (const { id } of [kitchen!, office!])
      await devices
        .find((device) => device.id === id)!
        .mqtt.publishAsync(`llm-iot/devices/${id}/status`, 'online', { qos: 1, retain: true });

    const client = await connectAsync(hub.mqttUrl, {
      ...{ username: keys.admin.id, password: keys.admin.key, clientId: 'scoped' },
      ...{ protocolVersion: 5, reconnectPeriod: 0 },
    });
    const topics: string[] = [];
    client.on('message', (topic) => topics.push(topic));
    await client.subscribeAsync('llm-iot/#', { qos: 1 });
    const refused = (attempt: Promise<unknown>): Promise<void> => assert.rejects(attempt);
    for (const topic of [
      `llm-iot/devices/${office!.id}/telemetry`,
      'llm-iot/alerts/error',
      'llm-iot/discovery/announce',
      '$SYS/#',
    ])
      await refused(client.subscribeAsync(topic, { qos: 1 }));
    for (const device of [devices[1]!, devices[0]!])
      await device.publish('telemetry', temperature(21));
    await eventually('the telemetry of the kitchen', () =>
      topics.includes(`llm-iot/devices/${kitchen!.id}/telemetry`),
    );
    assert.deepEqual([...new Set(topics)].sort(), [
      `llm-iot/devices/${kitchen!.id}/status`,
      `llm-iot/devices/${kitchen!.id}/telemetry`,
    ]);

    await client.publishAsync(
      `llm-iot/devices/${kitchen!.id}/telemetry`,
      JSON.stringify(temperature(22)),
      { qos: 1 },
    );
    for (const topic of [
      `llm-iot/devices/${office!.id}/telemetry`,
      `llm-iot/devices/${kitchen!.id}/command/request`,
      'llm-iot/alerts/error',
    ])
      await refused(client.publishAsync(topic, '{}', { qos: 1 }));

    await ask(hub, 'device.update', { device_id: kitchen!.id, labels: {} });
    const before = topics.length;
    await devices[0]!.publish('telemetry', temperature(23));
    await devices[1]!.publish('telemetry', temperature(23));
    await ask(hub, 'device.update', { device_id: kitchen!.id, labels: { room: 'kitchen' } });
    await devices[0]!.publish('status', 'online');
    await eventually('it is heard again', () => topics.length > before);
    assert.deepEqual(topics.slice(before), [`llm-iot/devices/${kitchen!.id}/status`]);
    await client.endAsync(true);
  });

  it('methods outside the scope are refused with -32005 and not listed', async () => {
    const { methods } = await ask(hub, 'rpc.methods', {}, keys.reader.key);
    const names = (methods as { name: string }[]).map(({ name }) => name);
    assert.ok(names.includes('device.get') && names.includes('hub.info'));
    assert.ok(names.every((name) => /^(device\.|hub\.info|hub\.health|rpc\.methods)/.test(name)));
    for (const method of ['data.query', 'schema.list', 'valve.open', 'alert.list'])
      assert.equal((await call(hub, method, {}, keys.reader.key)).error?.code, -32005, method);
    const metrics = async (key: string): Promise<number> =>
      (await fetch(`${hub.url}/metrics`, { headers: { authorization: `Bearer ${key}` } })).status;
    assert.equal(await metrics(keys.reader.key), 200);
    assert.equal(await metrics(keys.cook.key), 403);
  });

  it('calls per minute are counted over all transports and end with -32006 and retry_after_ms', async () => {
    const socket = await openSocket(hub, keys.slow.key);
    await ask(hub, 'hub.info', {}, keys.slow.key);
    assert.equal((await socket.call('hub.info')).error, undefined);
    assert.equal((await call(hub, 'device.remove', {}, keys.slow.key)).error?.code, -32005);
    for (const { error } of [
      await socket.call('hub.info'),
      await call(hub, 'hub.info', {}, keys.slow.key),
    ]) {
      assert.equal(error?.code, -32006);
      assert.ok(error.data.retry_after_ms > 0 && error.data.retry_after_ms <= 60_000);
    }
    await ask(hub, 'hub.info', {}, keys.cook.key);
    await socket.close();
  });

  it('a read window refuses an earlier start with the earliest there may be, and hides older readings', async () => {
    const { id } = homes[0]!;
    const query = (minutes: number): Promise<RpcResponse> => {
      const start = new Date(Date.now() - minutes * 60_000).toISOString();
      const range = { start, end: '2036-01-01T00:00:00Z' };
      return call(hub, 'data.query', { device_ids: [id], time_range: range }, keys.young.key);
    };
    assert.equal((await query(60)).error, undefined);
    const { error } = await query(180);
    assert.equal(error?.code, -32005);
    assert.ok(Math.abs(Date.parse(error.data.earliest) - (Date.now() - 3_600_000)) < 30_000);
    const old = { ...temperature(1), measurement_type: 'old', timestamp: Date.now() - 7_200_000 };
    await ask(hub, 'telemetry.update', { device_id: id, data: { live_readings: [old] } });
    const latest = async (key: string): Promise<string[]> =>
      (await ask(hub, 'telemetry.latest', { device_id: id }, key)).readings.map(
        (reading: { measurement_type: string }) => reading.measurement_type,
      );
    assert.ok((await latest(hub.adminKey)).includes('old'));
    assert.ok(!(await latest(keys.young.key)).includes('old'));
    assert.ok((await latest(keys.young.key)).includes('temperature'));
  });

  it('commands and their arguments are held against the scope, and against the role of an operator', async () => {
    const device = await joinDevice(hub, registration(102));
    devices.push(device);
    await device.onCommand(() => ({ result: {} }));
    const run = (key: string, command: string, args: object = {}): Promise<RpcResponse> =>
      call(hub, 'device.execute', { device_id: device.id, command, arguments: args }, key);
    assert.equal((await run(keys.careful.key, 'set', { level: 10 })).error, undefined);
    const tooMuch = (await run(keys.careful.key, 'set', { level: 11 })).error;
    assert.equal(tooMuch?.code, -32005);
    assert.equal(tooMuch.data.field, 'arguments.level');
    const unknown = (await run(keys.careful.key, 'read')).error;
    assert.equal(unknown?.code, -32005);
    assert.deepEqual(unknown.data.allowed, ['set', 'valve.*']);
    assert.equal((await run(keys.operator.key, 'set', { level: 11 })).error, undefined);
    assert.equal((await run(keys.operator.key, 'wipe')).error?.code, -32602);
  });
});
