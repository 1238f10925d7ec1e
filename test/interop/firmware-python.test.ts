import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { python, startFirmware, type FirmwareProcess } from '../support/firmware-device.ts';
import { freePort } from '../support/free-port.ts';
import {
  ask,
  call,
  deploy,
  eventually,
  getFlow,
  openSocket,
  type FlowNode,
} from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import { requireTool } from '../support/require-tool.ts';
import { runTool } from '../support/run-tool.ts';

const program = 'test/interop/firmware_device.py';
const bar = (value: number): object => ({ measurement_type: 'pressure', value, unit: 'bar' });

const isStore = (flow: FlowNode[], id: string): boolean =>
  flow.some((node) => node.id === id && node.type === 'llm-iot-telemetry-write');

describe('the Python client for single-board computers', function () {
  this.timeout(120_000);
  let hub: RunningHub;
  let ports: Record<string, string>;
  let directory: string;
  let running: FirmwareProcess[] = [];
  const cleanUps: (() => Promise<unknown>)[] = [];

  before(async function () {
    requireTool(this, python, 'python3-paho-mqtt');
    await runTool(python, ['-c', 'import paho.mqtt.client'])
      .done()
      .catch(() => requireTool(this, 'python3-paho-mqtt', 'python3-paho-mqtt'));
    directory = await mkdtemp(join(tmpdir(), 'llm-iot-firmware-'));
    cleanUps.push(() => rm(directory, { recursive: true, force: true }));
    ports = {
      LLM_IOT_HTTP_PORT: String(await freePort()),
      LLM_IOT_MQTT_PORT: String(await freePort()),
    };
    hub = await boot();
    cleanUps.push(async () => {
      await hub.stop();
      await hub.cleanUp();
    });
  });
  afterEach(async () => {
    await Promise.all(running.map((one) => one.kill()));
    running = [];
  });
  after(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  });

  /** A hub on the same ports each time. */
  const boot = async (dataDir?: string): Promise<RunningHub> => ({
    ...(await startHub({ env: ports, ...(dataDir === undefined ? {} : { dataDir }) })),
    url: `http://127.0.0.1:${ports.LLM_IOT_HTTP_PORT}`,
    mqttUrl: `mqtt://127.0.0.1:${ports.LLM_IOT_MQTT_PORT}`,
  });
  const launch = (name: string, version: string, key = hub.registrationKey): FirmwareProcess => {
    const args = [join(directory, `${name}.json`), ports.LLM_IOT_MQTT_PORT!, version, name];
    const device = startFirmware(program, args, { LLM_IOT_REGISTRATION_KEY: key });
    running.push(device);
    return device;
  };
  const started = async (...args: Parameters<typeof launch>) => {
    const device = launch(...args);
    assert.equal(await device.order('start'), true);
    const { device_id: id, sensor_id: sensorId } = await device.order('state');
    return { device, id: id as string, sensorId: sensorId as string };
  };
  const statusOf = async (id: string): Promise<string> =>
    (await ask(hub, 'device.get', { device_id: id })).status;
  const execute = (id: string, command: string, args: object = {}) =>
    call(hub, 'device.execute', { device_id: id, command, arguments: args });
  const valuesOf = async (id: string, type = 'pressure'): Promise<number[]> => {
    const now = Date.now();
    const { series } = await ask(hub, 'data.query', {
      device_ids: [id],
      measurement_types: [type],
      time_range: { start: now - 3_600_000, end: now + 60_000 },
    });
    return series.flatMap(({ points }: { points: { value: number }[] }) =>
      points.map(({ value }) => value),
    );
  };

  for (const version of ['3.1.1', '5']) {
    describe(`over MQTT ${version}`, () => {
      it('joins with the registration key, and after a power cut resumes as the same device without it', async () => {
        const name = `joins-${version}`;
        const first = await started(name, version);
        const file = join(directory, `${name}.json`);
        assert.equal((await stat(file)).mode & 0o777, 0o600);
        assert.deepEqual(Object.keys(JSON.parse(await readFile(file, 'utf8'))), [
          'device_id',
          'api_key',
        ]);
        await first.device.kill();
        const second = await started(name, version, '');
        assert.equal(second.id, first.id);
        assert.equal(second.sensorId, first.sensorId);
        const { devices } = await ask(hub, 'device.list', { search: name });
        assert.equal(devices.length, 1);
        assert.equal(devices[0].status, 'online');
      });

      it('names a sensor from a bus scan, and has it taken in under its own id', async () => {
        const { device, id, sensorId } = await started(`senses-${version}`, version);
        const candidates = await device.order('candidates', {
          bus: 'i2c',
          address: '0x47',
          chip_id: '0x50',
        });
        assert.match(candidates[0].template, /bmp/i);
        const { sensors } = await ask(hub, 'sensor.list', { mcu_id: id });
        assert.deepEqual(
          sensors.map((sensor: { sensor_id: string }) => sensor.sensor_id),
          [sensorId],
        );
        const reading = { measurement_type: 'temperature', value: 21.5, unit: 'celsius' };
        assert.equal(await device.order('publish', { readings: [reading], of_sensor: true }), true);
        const { readings } = await ask(hub, 'telemetry.latest', { device_id: sensorId });
        assert.deepEqual(
          readings.map((one: { sensor_id: string; value: number }) => [one.sensor_id, one.value]),
          [[sensorId, 21.5]],
        );
      });

      it('says that readings are stored when they are', async () => {
        const { device, id } = await started(`reports-${version}`, version);
        for (const value of [1, 2, 3]) {
          assert.equal(await device.order('publish', { readings: [bar(value)] }), true);
          assert.deepEqual((await valuesOf(id)).at(-1), value);
        }
      });

      it('refuses what no message can carry', async () => {
        const { device } = await started(`carries-${version}`, version);
        const large = Array.from({ length: 2000 }, () => bar(1));
        await assert.rejects(device.order('publish', { readings: large }), /divide them/);
        assert.equal(await device.order('publish', { readings: large.slice(1000) }), true);
      });

      it('answers commands with a result, and keeps its configuration over a restart', async () => {
        const name = `obeys-${version}`;
        const { device, id } = await started(name, version);
        const { result } = await execute(id, 'set_target', { celsius: 60 });
        assert.equal(result.status, 'success');
        assert.deepEqual(result.result, { was: 20 });
        assert.deepEqual(result.applied_config, { target: 60 });
        const mode = await execute(id, 'set_mode', { mode: 'eco' });
        assert.deepEqual(mode.result.applied_config, { target: 60, mode: 'eco' });
        await device.kill();
        const again = await started(name, version);
        const { restored, applied_config: config } = await again.device.order('state');
        assert.deepEqual(restored, [{ target: 60, mode: 'eco' }]);
        assert.deepEqual(config, { target: 60, mode: 'eco' });
      });

      it('answers -32602 for a ValueError and -32007 for any other exception, with its text', async () => {
        const { id } = await started(`errs-${version}`, version);
        const tooHot = await execute(id, 'set_target', { celsius: 95 });
        assert.equal(tooHot.error?.code, -32602);
        assert.match(tooHot.error.data.reason, /90 degrees at most/);
        const noGas = await execute(id, 'ignite');
        assert.equal(noGas.error?.code, -32007);
        assert.match(noGas.error.data.reason, /no gas/);
        const unknown = await execute(id, 'explode');
        assert.equal(unknown.error?.code, -32602, 'the hub knows the commands it declared');
      });

      it('offers a method of its own, which anybody who may can call by its name', async () => {
        const { id } = await started(`method-${version}`, version);
        const { methods } = await ask(hub, 'rpc.methods');
        const offered = methods.find((one: { name: string }) => one.name === 'boiler.descale');
        assert.equal(offered.device_description, 'Descales the boiler.');
        const { result } = await ask(hub, 'boiler.descale', { device_id: id, minutes: 5 });
        assert.deepEqual(result, { descaled_for: 5 });
        const wrong = await call(hub, 'boiler.descale', { device_id: id, minutes: 'five' });
        assert.equal(wrong.error?.code, -32602);
      });

      it('sends heartbeats', async () => {
        const { id } = await started(`beats-${version}`, version);
        const seen = async (): Promise<string> =>
          (await ask(hub, 'device.get', { device_id: id })).last_seen;
        for (let beats = 0; beats < 2; beats++) {
          const before = await seen();
          await eventually('a heartbeat', async () => (await seen()) > before);
        }
        assert.equal(await statusOf(id), 'online');
      });

      it('is offline by its will when its power fails', async () => {
        const { device, id } = await started(`dies-${version}`, version);
        await device.kill();
        await eventually('it is offline', async () => (await statusOf(id)) === 'offline');
        assert.equal((await execute(id, 'ignite')).error?.code, -32001);
        const { alerts } = await ask(hub, 'alert.list', { device_id: id, state: 'raised' });
        assert.match(alerts[0].message, /will/);
      });

      it('says goodbye when it stops, and comes back when it starts', async () => {
        const { device, id } = await started(`leaves-${version}`, version);
        await device.order('stop');
        await eventually('it is offline', async () => (await statusOf(id)) === 'offline');
        assert.equal(await device.order('start'), true);
        await eventually('it is online', async () => (await statusOf(id)) === 'online');
      });

      it('announces itself again when the hub asks all devices to', async () => {
        const { id } = await started(`asked-${version}`, version);
        const socket = await openSocket(hub);
        await socket.call('subscribe', { channels: [`device.${id}.events`] });
        const admin = await connectAsync(hub.mqttUrl, {
          username: 'admin',
          password: hub.adminKey,
        });
        await admin.publishAsync('llm-iot/discovery/query', '', { qos: 1 });
        await eventually('it resumed', () => Promise.resolve(socket.updates().length > 0));
        assert.match(JSON.stringify(socket.updates()), /resumed/);
        await admin.endAsync();
        await socket.close();
      });

      it('comes back by itself when the hub does, with what it measured meanwhile; the oldest go first', async () => {
        const { device, id } = await started(`waits-${version}`, version);
        await hub.stop();
        await eventually('it notices', async () => !(await device.order('state')).online);
        const noticed = Date.now();
        for (const value of [1, 2, 3, 4, 5]) {
          const reading = { ...bar(value), timestamp: noticed + value };
          assert.equal(await device.order('publish', { readings: [reading], timeout: 0 }), false);
        }
        assert.equal((await device.order('state')).dropped, 2);
        hub = await boot(hub.dataDir);
        await eventually('it is back', async () => (await device.order('state')).online, 90_000);
        await eventually('all is stored', async () => (await valuesOf(id)).length === 3);
        assert.deepEqual(await valuesOf(id), [3, 4, 5]);
        assert.equal((await execute(id, 'set_mode', { mode: 'eco' })).error, undefined);
      });
    });
  }

  it('starts while the hub is away, and joins when it comes', async () => {
    await hub.stop();
    const device = launch('early', 'any');
    assert.equal(await device.order('start', { timeout: 0.5 }), false);
    await device.order('publish', { readings: [bar(7)], timeout: 0 });
    hub = await boot(hub.dataDir);
    const { device_id: id } = await eventually(
      'it has joined',
      async () => {
        const state = await device.order('state');
        return state.online ? state : undefined;
      },
      90_000,
    );
    await eventually('the reading is stored', async () => (await valuesOf(id)).length === 1);
  });

  it('does not take unstored for stored: over a cut wire readings wait, and are sent again', async () => {
    const { device, id } = await started('cut', 'any');
    const flow = await getFlow(hub);
    const cut = flow.map((node) =>
      !node.wires
        ? node
        : { ...node, wires: node.wires.map((to) => to.filter((one) => !isStore(flow, one))) },
    );
    await deploy(hub, cut, 'nodes');
    assert.equal(await device.order('publish', { readings: [bar(4)], timeout: 12 }), false);
    assert.deepEqual(await valuesOf(id), []);
    await deploy(hub, flow, 'nodes');
    await eventually('it is sent again', async () => (await valuesOf(id)).length > 0, 40_000);
    assert.deepEqual(await valuesOf(id), [4]);
  });

  it('says what is wrong with its key, with a damaged state file, and with a schema', async () => {
    const stranger = launch('stranger', 'any', 'no-key-of-this-hub');
    await assert.rejects(stranger.order('start'), { code: -32005, message: /does not accept/ });

    const twice = await started('twice', 'any');
    await rm(join(directory, 'twice.json'));
    const lost = launch('twice', 'any');
    await assert.rejects(lost.order('start'), { code: -32005, message: /key is lost/ });
    await twice.device.kill();

    await writeFile(join(directory, 'damaged.json'), '{');
    const damaged = launch('damaged', 'any');
    await assert.rejects(damaged.order('start'), /damaged\.json is damaged; delete it/);
  });

  it('the example measures with a DS18B20, switches its heater, and tells when a wire comes off', async () => {
    const probe = join(directory, '28-0000072e4f1a', 'w1_slave');
    await mkdir(join(directory, '28-0000072e4f1a'));
    const show = (check: string, value: number): Promise<void> =>
      writeFile(probe, `72 01 4b 46 7f ff 0e 10 57 : crc=57 ${check}\n72 01 t=${value}\n`);
    await show('YES', 23_125);
    const state = join(directory, 'thermometer.json');
    const example = startFirmware('firmware/python/example.py', [probe, '--state', state], {
      ...ports,
      LLM_IOT_REGISTRATION_KEY: hub.registrationKey,
    });
    running.push(example);
    const [, id = ''] = await eventually('it is online', () =>
      Promise.resolve(/ device (\S+), sensor /.exec(example.log()) ?? undefined),
    );
    const read = () => execute(id, 'read_temperature');
    const first = (await read()).result;
    assert.deepEqual(first.result, { value: 23.125, unit: 'celsius' });
    const heated = await execute(id, 'set_heater', { on: true });
    assert.deepEqual(heated.result.applied_config, { heater_on: true });
    await ask(hub, 'thermometer.calibrate', { celsius: 24 });
    assert.equal((await read()).result.result.value, 24);
    await eventually(
      'a reading is stored',
      async () => (await valuesOf(id, 'temperature')).includes(24),
      20_000,
    );
    await show('NO', 85_000);
    const broken = await read();
    assert.equal(broken.error?.code, -32007);
    assert.match(broken.error.data.reason, /check its wires/);
    assert.equal(await example.terminate(), 0);
    await eventually('it is offline', async () => (await statusOf(id)) === 'offline');
  });
});
