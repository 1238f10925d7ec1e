import assert from 'node:assert/strict';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import {
  ask,
  call,
  deploy,
  eventually,
  getFlow,
  joinDevice,
  openSocket,
  temperature,
  type TestDevice,
} from '../support/hub-client.ts';
import { energyMeter, post, roomNode } from '../support/house.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const utc = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/;
const nobody = '00000000-0000-4000-8000-000000000000';
const range = { start: '2016-01-11T00:00:00Z', end: '2016-01-12T00:00:00Z' };

const methods = [
  'alert.acknowledge',
  'alert.list',
  'data.query',
  'device.batch_execute',
  'device.execute',
  'device.get',
  'device.heartbeat',
  'device.list',
  'device.register',
  'device.register_method',
  'device.remove',
  'device.update',
  'hub.health',
  'hub.info',
  'rpc.discover',
  'rpc.methods',
  'schema.get',
  'schema.list',
  'schema.register',
  'sensor.discover',
  'sensor.list',
  'subscribe',
  'telemetry.latest',
  'telemetry.update',
  'unsubscribe',
];

/** What of them a device may call, each with params that are about this device. */
const ofDevices = (id: string): Record<string, object> => ({
  'data.query': { device_ids: [id], time_range: range },
  'device.get': { device_id: id },
  'device.heartbeat': { device_id: id },
  'device.register_method': { device_id: id, method_name: 'house.blink' },
  'sensor.discover': { mcu_id: id, scan: { bus: 'i2c', address: '0x76' } },
  'sensor.list': { mcu_id: id },
  'telemetry.latest': { device_id: id },
  'telemetry.update': { device_id: id, data: { live_readings: [] } },
});

const notification = (method: string, params: object = {}): object => ({
  jsonrpc: '2.0',
  method,
  params,
});
const request = (method: string, params: object = {}, id: unknown = 1): object => ({
  ...notification(method, params),
  id,
});

describe('JSON-RPC 2.0 of the running hub', function () {
  this.timeout(20_000);
  let hub: RunningHub;
  let kitchen: TestDevice;
  let meter: TestDevice;
  let pondering = false;

  before(async () => {
    hub = await startHub();
    kitchen = await joinDevice(hub, roomNode('kitchen'));
    meter = await joinDevice(hub, energyMeter('meter-1'));
    await kitchen.onCommand(({ method, params }) => {
      if (method === 'configure') return { result: { applied_config: params } };
      pondering = true;
      return undefined;
    });
    await meter.onCommand(() => ({ error: { code: -32007, message: 'the relay does not close' } }));
  });
  after(async () => {
    await kitchen.end();
    await meter.end();
    await hub.stop();
    await hub.cleanUp();
  });

  describe('POST /rpc and WebSocket /ws, both with batches and notifications', () => {
    const batch = [
      request('device.get', { device_id: 'KITCHEN' }, 'one'),
      notification('device.update', { device_id: '?', labels: {} }),
      request('hub.health', [], 2),
      { foo: 'boo' },
      request('rpc.nothing', {}, null),
    ];
    const withIds = (): object[] =>
      JSON.parse(JSON.stringify(batch).replace('KITCHEN', kitchen.id)) as object[];
    const check = (answers: { id: unknown; result?: unknown; error?: { code: number } }[]) => {
      assert.deepEqual(
        answers.map(({ id, error }) => [id, error?.code]),
        [
          ['one', undefined],
          [2, undefined],
          [null, -32600],
          [null, -32601],
        ],
      );
      assert.equal((answers[0]?.result as { device_id: string }).device_id, kitchen.id);
    };

    it('HTTP answers a batch in its order, without the notifications in it', async () => {
      const { status, json } = await post(hub, JSON.stringify(withIds()));
      assert.equal(status, 200);
      check(json);
    });

    it('HTTP does what a notification says and answers 204 with nothing, also for a batch of them', async () => {
      const rename = (name: string): object =>
        notification('device.update', { device_id: kitchen.id, name });
      for (const [body, name] of [
        [rename('kitchen A'), 'kitchen A'],
        [[rename('kitchen B')], 'kitchen B'],
      ] as const) {
        const { status, text } = await post(hub, JSON.stringify(body));
        assert.deepEqual([status, text], [204, '']);
        assert.equal((await ask(hub, 'device.get', { device_id: kitchen.id })).name, name);
      }
    });

    it('the WebSocket answers a batch in its order and is silent about notifications', async () => {
      const client = await openSocket(hub);
      const { socket, received } = client;
      socket.send(JSON.stringify(notification('device.update', { device_id: '?' })));
      socket.send(JSON.stringify([notification('hub.info')]));
      socket.send(JSON.stringify(withIds()));
      await client.call('hub.health');
      const batches = await eventually('the batch', () =>
        Promise.resolve(received.filter((message) => Array.isArray(message))),
      );
      assert.equal(batches.length, 1);
      check(batches[0] ?? []);
      assert.equal(received.length, 2, 'the batch and hub.health, no more');
      await client.close();
    });

    it('an empty batch is one invalid request', async () => {
      const { json } = await post(hub, '[]');
      assert.equal(json.error.code, -32600);
      assert.equal(json.id, null);
    });

    it('ids come back exactly as they were sent: text, zero, fractions, null', async () => {
      for (const id of ['ä"\\', 0, -1.5, null]) {
        const { json } = await post(hub, JSON.stringify(request('hub.health', {}, id)));
        assert.deepEqual(json, { jsonrpc: '2.0', result: { status: 'up' }, id });
      }
    });

    it('params may be positional', async () => {
      const { json } = await post(
        hub,
        JSON.stringify(request('device.get', [kitchen.id] as never)),
      );
      assert.equal(json.result.device_id, kitchen.id);
    });
  });

  describe('all methods of the protocol exist and answer their promised shape', () => {
    it('rpc.methods lists every one of them with description, params and what it changes', async () => {
      const { methods: listed } = await ask(hub, 'rpc.methods');
      const names = listed.map(({ name }: { name: string }) => name);
      for (const name of methods) assert.ok(names.includes(name), name);
      for (const method of listed) {
        assert.equal(typeof method.description, 'string', method.name);
        assert.equal(method.params.type, 'object', method.name);
        assert.equal(typeof method.read_only, 'boolean', method.name);
        assert.equal(typeof method.destructive, 'boolean', method.name);
        assert.ok(Array.isArray(method.roles), method.name);
      }
    });

    it('device.register: device_id, assigned_at, intervals, api_key when new, resumed when known', async () => {
      const made = await ask(hub, 'device.register', roomNode('office'), hub.registrationKey);
      assert.deepEqual(Object.keys(made).sort(), [
        'api_key',
        'assigned_at',
        'device_id',
        'heartbeat_interval',
        'telemetry_interval',
      ]);
      assert.match(made.device_id, uuid);
      assert.match(made.assigned_at, utc);
      assert.deepEqual([made.heartbeat_interval, made.telemetry_interval], [60, 10]);
      const again = await ask(hub, 'device.register', roomNode('office'), made.api_key);
      assert.equal(again.device_id, made.device_id);
      assert.equal(again.resumed, true);
      assert.equal('api_key' in again, false);
    });

    it('device.list: devices with status and last_seen, filters, and pages by cursor', async () => {
      const { devices } = await ask(hub, 'device.list', { device_type: 'meter', search: 'shelly' });
      assert.equal(devices.length, 1);
      const { device_id, name, device_type, model, status, last_seen } = devices[0];
      assert.deepEqual(
        { device_id, name, device_type, model, status },
        {
          device_id: meter.id,
          name: 'energy meter',
          device_type: 'meter',
          model: 'Pro EM-50',
          status: 'online',
        },
      );
      assert.match(last_seen, utc);
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await ask(hub, 'device.list', { limit: 1, ...(cursor ? { cursor } : {}) });
        seen.push(...page.devices.map((device: { device_id: string }) => device.device_id));
        cursor = page.cursor;
      } while (cursor !== undefined);
      assert.equal(new Set(seen).size, seen.length);
      assert.ok(seen.includes(kitchen.id) && seen.includes(meter.id));
      const { devices: found } = await ask(hub, 'device.list', {
        location: 'kitchen',
        labels: { house: 'yes' },
        status: 'online',
      });
      assert.deepEqual(
        found.map((device: { device_id: string }) => device.device_id),
        [kitchen.id],
      );
    });

    it('device.get and device.update: the device with its schema, name, location, labels', async () => {
      const updated = await ask(hub, 'device.update', {
        device_id: kitchen.id,
        name: 'Kitchen',
        location: 'ground floor',
        labels: { house: 'yes', floor: '0' },
      });
      const device = await ask(hub, 'device.get', { device_id: kitchen.id });
      for (const { name, location, labels } of [updated, device])
        assert.deepEqual(
          { name, location, labels },
          { name: 'Kitchen', location: 'ground floor', labels: { house: 'yes', floor: '0' } },
        );
      assert.equal(device.static_schema.model, 'ESP32-S3');
      assert.match(device.schema_version, /^\d+\.\d+\.\d+$/);
      assert.deepEqual(device.sensors, []);
    });

    it('device.heartbeat: the hub answers with its own time', async () => {
      const beat = await ask(hub, 'device.heartbeat', { device_id: kitchen.id }, kitchen.key);
      assert.equal(beat.device_id, kitchen.id);
      assert.equal(beat.heartbeat_interval, 60);
      assert.match(beat.server_time, utc);
    });

    it('sensor.discover: candidates for a scan, a sensor id for a schema; sensor.list has it', async () => {
      const { candidates } = await ask(
        hub,
        'sensor.discover',
        { mcu_id: kitchen.id, scan: { bus: 'i2c', address: '0x47', chip_id: '0x50' } },
        kitchen.key,
      );
      assert.equal(typeof candidates[0].template, 'string');
      assert.equal(typeof candidates[0].score, 'number');
      const sensor = await ask(
        hub,
        'sensor.discover',
        { mcu_id: kitchen.id, static_schema: { manufacturer: 'Bosch', model: 'BMP580' } },
        kitchen.key,
      );
      assert.match(sensor.sensor_id, uuid);
      assert.equal(sensor.mcu_id, kitchen.id);
      assert.match(sensor.assigned_at, utc);
      assert.match(sensor.template, /bmp580/);
      const { sensors } = await ask(hub, 'sensor.list', { mcu_id: kitchen.id });
      assert.deepEqual(
        sensors.map(({ sensor_id }: { sensor_id: string }) => sensor_id),
        [sensor.sensor_id],
      );
    });

    it('telemetry.update, telemetry.latest and data.query: accepted and rejected, newest, series of points', async () => {
      const answer = await ask(
        hub,
        'telemetry.update',
        {
          device_id: kitchen.id,
          timestamp: '2016-01-11T17:30:00Z',
          data: {
            operational_status: { power_state: 'on' },
            live_readings: [
              { measurement_type: 'humidity', value: 46.07, unit: 'percent', quality: 'good' },
              { measurement_type: 'humidity', value: 460.7, unit: 'percent' },
            ],
          },
        },
        kitchen.key,
      );
      assert.equal(answer.accepted, 1);
      assert.deepEqual(
        answer.rejected.map(({ index, code }: { index: number; code: number }) => [index, code]),
        [[1, -32004]],
      );
      assert.match(answer.rejected[0].reason, /outside 0 to 100/);
      const { readings } = await ask(hub, 'telemetry.latest', { device_id: kitchen.id });
      assert.equal(readings.length, 1);
      const { device_id, measurement_type, value, unit, quality, timestamp } = readings[0];
      assert.deepEqual(
        { device_id, measurement_type, value, unit, quality, timestamp },
        {
          device_id: kitchen.id,
          measurement_type: 'humidity',
          value: 46.07,
          unit: 'percent',
          quality: 'good',
          timestamp: '2016-01-11T17:30:00.000Z',
        },
      );
      const result = await ask(hub, 'data.query', {
        device_ids: [kitchen.id],
        measurement_types: ['humidity'],
        time_range: range,
        aggregation: 'avg',
        interval: '1h',
      });
      assert.deepEqual(result, {
        series: [
          {
            device_id: kitchen.id,
            measurement_type: 'humidity',
            unit: 'percent',
            points: [{ timestamp: '2016-01-11T17:00:00.000Z', value: 46.07, count: 1 }],
          },
        ],
        truncated: false,
        untrusted: ['series[].measurement_type', 'series[].unit', 'series[].points[].value'],
      });
    });

    it('device.execute, device.batch_execute and device.register_method: as in the specification', async () => {
      const config = { oversampling: '16X', output_data_rate: 10 };
      const done = await ask(hub, 'device.execute', {
        device_id: kitchen.id,
        command: 'configure',
        arguments: config,
      });
      assert.equal(done.status, 'success');
      assert.equal(typeof done.execution_time_ms, 'number');
      assert.deepEqual(done.applied_config, config);
      const { results, summary } = await ask(hub, 'device.batch_execute', {
        device_ids: [kitchen.id, meter.id],
        command: 'configure',
        arguments: config,
      });
      assert.deepEqual(summary, { success: 1, failed: 1 });
      assert.deepEqual(
        results.map(({ device_id, status }: { device_id: string; status: string }) => [
          device_id,
          status,
        ]),
        [
          [kitchen.id, 'success'],
          [meter.id, 'failed'],
        ],
      );
      assert.equal(results[0].result.status, 'success');
      assert.equal(results[1].error.code, -32007);
      const registered = await ask(hub, 'device.register_method', {
        device_id: meter.id,
        method_name: 'house.reset_counter',
        schema: { arguments: { counter: 'string' } },
      });
      assert.equal(registered.method_name, 'house.reset_counter');
      assert.match(registered.registered_at, utc);
    });

    it('subscribe and unsubscribe: subscription_id and channels, over the WebSocket alone', async () => {
      const client = await openSocket(hub);
      const channels = [`device.${kitchen.id}.telemetry`, 'device.*.alerts'];
      const { result } = await client.call('subscribe', { channels });
      assert.equal(typeof result.subscription_id, 'string');
      assert.deepEqual(result.channels, channels);
      const ended = await client.call('unsubscribe', { subscription_id: result.subscription_id });
      assert.deepEqual(ended.result, { unsubscribed: true });
      await client.close();
      const { error } = await call(hub, 'subscribe', { channels });
      assert.equal(error?.code, -32600);
      assert.match(error.data.reason, /WebSocket/);
    });

    it('schema.list, schema.get and schema.register: the library, one schema, a new version', async () => {
      const { schemas, cursor } = await ask(hub, 'schema.list', { kind: 'sensor', limit: 2 });
      assert.equal(schemas.length, 2);
      assert.equal(typeof cursor, 'string');
      const schema = await ask(hub, 'schema.get', { name: schemas[0].name });
      assert.equal(schema.name, schemas[0].name);
      assert.ok(schema.measurements.length > 0);
      const made = await ask(hub, 'schema.register', {
        ...schema,
        name: 'house-dust',
        version: '1.0.0',
        manufacturer: 'House',
        model: 'Dust 1',
        description: 'Dust in the air',
        measurements: [{ measurement_type: 'dust', unit: 'microgram_per_cubic_meter' }],
      });
      assert.deepEqual([made.name, made.version], ['house-dust', '1.0.0']);
      assert.match(made.registered_at, utc);
    });

    it('alert.list and alert.acknowledge: alarms, and the one that has been seen', async () => {
      await kitchen.publish('telemetry', 'this is no JSON');
      const alert = await eventually('the alarm', async () => {
        const { alerts } = await ask(hub, 'alert.list', { device_id: kitchen.id });
        return alerts[0];
      });
      assert.equal(alert.kind, 'bad_message');
      assert.match(alert.raised_at, utc);
      const seen = await ask(hub, 'alert.acknowledge', { alert_id: alert.alert_id });
      assert.equal(seen.alert_id, alert.alert_id);
      assert.equal(seen.acknowledged_by, 'admin');
    });

    it('hub.info: version, devices, the ledger, problems', async () => {
      const info = await ask(hub, 'hub.info');
      assert.match(info.version, /^\d+\.\d+\.\d+/);
      assert.ok(info.devices.devices >= 2);
      assert.deepEqual(info.problems, []);
      assert.ok(info.rpc.methods >= methods.length);
    });

    it('device.remove: the device, its sensors and its key are gone', async () => {
      const made = await ask(hub, 'device.register', roomNode('cellar'), hub.registrationKey);
      assert.deepEqual(await ask(hub, 'device.remove', { device_id: made.device_id }), {
        device_id: made.device_id,
        removed: true,
        sensors: [],
      });
      assert.equal(
        (await call(hub, 'device.get', { device_id: made.device_id })).error?.code,
        -32000,
      );
      const { status } = await post(hub, JSON.stringify(request('rpc.methods')), made.api_key);
      assert.equal(status, 401);
    });
  });

  describe('every code of the table is reached, with data that helps the caller to correct itself', () => {
    it('-32700 says what is wrong with the JSON', async () => {
      const { json } = await post(
        hub,
        '{"jsonrpc":"2.0","method":"device.list","params":{"a":1,"a":2},"id":1}',
      );
      assert.equal(json.error.code, -32700);
      assert.equal(json.error.message, 'Parse error');
      assert.match(json.error.data.reason, /"a" stands twice/);
      assert.equal(json.id, null);
    });

    it('-32600 names the member that is wrong and what is allowed', async () => {
      const { json } = await post(hub, '{"jsonrpc":"1.0","method":"device.list","id":7}');
      assert.equal(json.error.code, -32600);
      assert.equal(json.error.data.field, 'jsonrpc');
      assert.deepEqual(json.error.data.allowed, ['2.0']);
      assert.equal(json.id, 7);
    });

    it('-32601 names the nearest method', async () => {
      const { error } = await call(hub, 'device.lst');
      assert.equal(error?.code, -32601);
      assert.equal(error.data.nearest, 'device.list');
      assert.match(error.data.reason, /did you mean device\.list/);
    });

    it('-32602 names the field and its allowed values', async () => {
      const { error } = await call(hub, 'device.list', { status: 'onlin' });
      assert.equal(error?.code, -32602);
      assert.equal(error.data.field, 'status');
      assert.deepEqual(error.data.allowed, ['online', 'offline']);
      assert.match(error.data.reason, /status/);
      const unknown = await call(hub, 'data.query', {
        device_ids: [kitchen.id],
        time_range: range,
        aggregation: 'average',
      });
      assert.equal(unknown.error?.code, -32602);
      assert.equal(unknown.error.data.field, 'aggregation');
    });

    it('-32603 when a node of the flow fails, with the words of that node', async () => {
      const shipped = await getFlow(hub);
      const flow = structuredClone(shipped);
      flow.find(({ name }) => name === 'rate the room')!['func'] = 'throw new Error("no scale")';
      await deploy(hub, flow, 'nodes');
      const { error } = await call(hub, 'comfort.assess', { temperature: 21, humidity: 50 });
      await deploy(hub, shipped, 'nodes');
      assert.equal(error?.code, -32603);
      assert.match(error.data.reason, /no scale/);
    });

    it('-32000 names the nearest device', async () => {
      const { error } = await call(hub, 'device.get', { device_id: 'energy metre' });
      assert.equal(error?.code, -32000);
      assert.match(JSON.stringify(error.data), new RegExp(meter.id));
      assert.match(error.data.reason, /energy meter/);
    });

    it('-32001 says since when the device is away', async () => {
      const away = await joinDevice(hub, roomNode('garage'));
      await away.publish('status', 'offline');
      await eventually('it is offline', async () => {
        const { status } = await ask(hub, 'device.get', { device_id: away.id });
        return status === 'offline';
      });
      const { error } = await call(hub, 'device.execute', { device_id: away.id, command: 'blink' });
      assert.equal(error?.code, -32001);
      assert.match(error.data.last_seen, utc);
      assert.match(error.data.reason, /offline/);
      await away.end();
    });

    it('-32002 and -32003 name the command the device is at, and how long was waited', async () => {
      const silent = call(hub, 'device.execute', {
        device_id: kitchen.id,
        command: 'ponder',
        timeout_ms: 1000,
      });
      await eventually('the device has the command', () => Promise.resolve(pondering));
      const { error: busy } = await call(hub, 'device.execute', {
        device_id: kitchen.id,
        command: 'configure',
      });
      assert.equal(busy?.code, -32002);
      assert.equal(busy.data.command, 'ponder');
      assert.match(busy.data.reason, /one command at a time/);
      const { error } = await silent;
      assert.equal(error?.code, -32003);
      assert.match(error.data.reason, /did not answer ponder within/);
    });

    it('-32004 names every field of a static schema that is wrong', async () => {
      const { error } = await call(
        hub,
        'device.register',
        { device_type: 'mcu', static_schema: { model: 7, measurements: 'all' } },
        hub.registrationKey,
      );
      assert.equal(error?.code, -32004);
      const fields = error.data.problems.map(({ field }: { field: string }) => field);
      assert.ok(fields.includes('model') && fields.includes('measurements'), fields.join());
      assert.equal(typeof error.data.reason, 'string');
    });

    it('-32005 with HTTP 401 without a key or with a wrong one', async () => {
      for (const key of [null, 'wrong-key']) {
        const { status, json, headers } = await post(
          hub,
          JSON.stringify(request('device.list')),
          key,
        );
        assert.equal(status, 401);
        assert.equal(json.error.code, -32005);
        assert.match(json.error.data.reason, /Authorization: Bearer/);
        assert.match(headers.get('www-authenticate') ?? '', /^Bearer/);
      }
    });

    it('-32006 says which limit was hit', async () => {
      const many = Array.from({ length: 101 }, (_unused, id) => request('hub.health', {}, id));
      const { json } = await post(hub, JSON.stringify(many));
      assert.equal(json.error.code, -32006);
      assert.equal(json.error.data.max_batch, 100);
    });

    it('-32007 passes on what the device says of its hardware', async () => {
      const { error } = await call(hub, 'device.execute', {
        device_id: meter.id,
        command: 'read_meter',
      });
      assert.equal(error?.code, -32007);
      assert.match(error.data.reason, /the relay does not close/);
    });
  });

  describe('authentication', () => {
    it('hub.health needs no key and tells nothing but up or down; nothing else works without one', async () => {
      const { status, json } = await post(hub, JSON.stringify(request('hub.health')), null);
      assert.equal(status, 200);
      assert.deepEqual(json.result, { status: 'up' });
      for (const method of [...methods, 'no.such_method']) {
        if (method === 'hub.health') continue;
        const refused = await post(hub, JSON.stringify(request(method)), null);
        assert.equal(refused.status, 401, method);
        assert.equal(refused.json.error.code, -32005, method);
      }
    });

    it('a WebSocket without a valid key is refused with 401', async () => {
      await assert.rejects(openSocket(hub, 'wrong-key'), /401/);
    });

    it('the registration key may only register', async () => {
      for (const method of methods) {
        const { error } = await call(hub, method, {}, hub.registrationKey);
        if (method === 'hub.health') assert.equal(error, undefined);
        else assert.equal(error?.code, method === 'device.register' ? -32602 : -32005, method);
      }
      const { methods: listed } = await ask(hub, 'rpc.methods');
      assert.ok(listed.length >= methods.length, 'the admin key sees all');
    });

    it('a device key may call what devices may, for itself and its sensors', async () => {
      const { sensor_id } = await ask(
        hub,
        'sensor.discover',
        { mcu_id: kitchen.id, static_schema: { manufacturer: 'Sensirion', model: 'SHT31' } },
        kitchen.key,
      );
      for (const [method, params] of Object.entries(ofDevices(kitchen.id)))
        assert.equal((await call(hub, method, params, kitchen.key)).error, undefined, method);
      for (const method of ['telemetry.update', 'telemetry.latest', 'data.query']) {
        const params = ofDevices(sensor_id)[method];
        assert.equal((await call(hub, method, params, kitchen.key)).error, undefined, method);
      }
    });

    it('a device key may not act for another device, nor leave out for whom', async () => {
      for (const [method, params] of Object.entries(ofDevices(meter.id))) {
        const { error } = await call(hub, method, params, kitchen.key);
        assert.equal(error?.code, -32005, method);
        assert.equal(typeof error.data.field, 'string', method);
      }
      for (const method of ['sensor.list', 'telemetry.latest'])
        assert.equal((await call(hub, method, {}, kitchen.key)).error?.code, -32005, method);
      const mixed = await call(
        hub,
        'data.query',
        { device_ids: [kitchen.id, meter.id], time_range: range },
        kitchen.key,
      );
      assert.equal(mixed.error?.code, -32005);
      const smuggled = await call(
        hub,
        'telemetry.update',
        {
          device_id: kitchen.id,
          data: { live_readings: [{ ...temperature(20), device_id: meter.id }] },
        },
        kitchen.key,
      );
      assert.equal(smuggled.error?.code, -32005);
    });

    it('a device key may call no method that is not for devices', async () => {
      const forAll = [
        'hub.health',
        'rpc.discover',
        'rpc.methods',
        'schema.get',
        'schema.list',
        'subscribe',
        'unsubscribe',
        'device.register',
      ];
      for (const method of methods) {
        if (forAll.includes(method) || method === 'key.rotate' || method in ofDevices(kitchen.id))
          continue;
        const { error } = await call(hub, method, { device_id: kitchen.id }, kitchen.key);
        assert.equal(error?.code, -32005, method);
        assert.ok(error.data.allowed_roles.includes('llm_admin'), method);
      }
      const { methods: listed } = await ask(hub, 'rpc.methods', {}, kitchen.key);
      assert.deepEqual(
        listed.map(({ name }: { name: string }) => name).sort(),
        [...forAll, 'key.rotate', ...Object.keys(ofDevices(kitchen.id))].sort(),
      );
    });

    it('a device follows its own channels alone', async () => {
      const client = await openSocket(hub, kitchen.key);
      const own = await client.call('subscribe', { channels: [`device.${kitchen.id}.*`] });
      assert.equal(own.error, undefined);
      for (const channel of [`device.${meter.id}.telemetry`, 'device.*.telemetry', '*']) {
        const { error } = await client.call('subscribe', { channels: [channel] });
        assert.equal(error?.code, -32005, channel);
      }
      await client.close();
    });

    it('the admin key may call all', async () => {
      for (const method of methods) {
        if (method === 'device.remove') continue;
        const { error } = await call(hub, method, {});
        assert.notEqual(error?.code, -32005, method);
      }
      assert.equal((await call(hub, 'device.remove', { device_id: nobody })).error?.code, -32000);
    });
  });
});
