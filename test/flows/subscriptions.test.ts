import assert from 'node:assert/strict';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import {
  ask,
  eventually,
  joinDevice,
  openSocket,
  temperature,
  type TestDevice,
} from '../support/hub-client.ts';
import { roomNode } from '../support/house.ts';

type Socket = Awaited<ReturnType<typeof openSocket>>;

describe('subscriptions with the running hub', function () {
  this.timeout(20_000);
  let hub: RunningHub;
  let kitchen: TestDevice;
  let office: TestDevice;
  let sockets: Socket[] = [];

  before(async () => {
    hub = await startHub();
    kitchen = await joinDevice(hub, roomNode('kitchen'));
    office = await joinDevice(hub, roomNode('office'));
  });
  afterEach(async () => {
    await Promise.all(sockets.map((socket) => socket.close()));
    sockets = [];
  });
  after(async () => {
    await kitchen.end();
    await office.end();
    await hub.stop();
    await hub.cleanUp();
  });

  /** A socket that is subscribed. */
  const follow = async (...channels: string[]): Promise<Socket & { subscriptionId: string }> => {
    const socket = await openSocket(hub);
    sockets.push(socket);
    const { result } = await socket.call('subscribe', { channels });
    return { ...socket, subscriptionId: result.subscription_id };
  };
  const channelsOf = (socket: Socket): string[] =>
    [...new Set(socket.updates().map(({ channel }) => channel as string))].sort();
  /** Makes one update on every channel of a device: it goes, comes back, and reports. */
  const stir = async (device: TestDevice): Promise<void> => {
    await device.publish('status', 'offline');
    await eventually('it is offline', async () => {
      const { alerts } = await ask(hub, 'alert.list', { device_id: device.id, state: 'raised' });
      return alerts.length > 0;
    });
    await device.publish('telemetry', temperature(20));
    await eventually('it is back', async () => {
      const { alerts } = await ask(hub, 'alert.list', { device_id: device.id, state: 'raised' });
      return alerts.length === 0;
    });
  };
  const of = (device: TestDevice, ...kinds: string[]): string[] =>
    kinds.map((kind) => `device.${device.id}.${kind}`).sort();
  const all = ['telemetry', 'status', 'alerts', 'events'];

  for (const kind of all)
    it(`device.{id}.${kind} carries the ${kind} of one device, as stream.update with channel, timestamp and data`, async () => {
      const socket = await follow(...of(kitchen, kind));
      await stir(office);
      await stir(kitchen);
      const [update] = await eventually('an update', () =>
        Promise.resolve(socket.updates().length > 0 && socket.updates()),
      );
      assert.deepEqual(channelsOf(socket), of(kitchen, kind));
      assert.match(update.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      const expected: Record<string, () => void> = {
        telemetry: () => assert.equal(update.data.live_readings[0].value, 20),
        status: () => assert.equal(update.data.event, 'offline'),
        alerts: () => assert.equal(update.data.kind, 'offline'),
        events: () => assert.equal(update.data.event, 'offline'),
      };
      expected[kind]?.();
    });

  const patterns: [pattern: () => string[], matches: () => string[]][] = [
    [() => ['device.*.telemetry'], () => [...of(kitchen, 'telemetry'), ...of(office, 'telemetry')]],
    [() => [`device.${kitchen.id}.*`], () => of(kitchen, ...all)],
    [() => ['*'], () => [...of(kitchen, ...all), ...of(office, ...all)]],
    [() => ['device.*.*'], () => [...of(kitchen, ...all), ...of(office, ...all)]],
    [() => of(office, 'alerts', 'events'), () => of(office, 'alerts', 'events')],
  ];
  for (const [index, title] of [
    'device.*.telemetry is the telemetry of every device',
    'device.{id}.* is all of one device',
    '* is everything',
    'device.*.* is everything',
    'several channels are one subscription',
  ].entries())
    it(title, async () => {
      const [channels, matches] = patterns[index] ?? assert.fail();
      const socket = await follow(...channels());
      await stir(kitchen);
      await stir(office);
      const wanted = matches().sort();
      await eventually('an update on each', () =>
        Promise.resolve(channelsOf(socket).length === wanted.length),
      );
      assert.deepEqual(channelsOf(socket), wanted);
    });

  it('an update comes once, however many channels of the connection match it', async () => {
    const socket = await follow('*', 'device.*.telemetry', ...of(kitchen, 'telemetry'));
    await socket.call('subscribe', { channels: [`device.${kitchen.id}.*`] });
    await kitchen.publish('telemetry', temperature(21));
    await kitchen.publish('telemetry', temperature(22));
    await eventually('both readings', () => Promise.resolve(socket.updates().length >= 2));
    await socket.call('hub.health');
    assert.deepEqual(
      socket.updates().map(({ data }) => data.live_readings[0].value),
      [21, 22],
    );
  });

  it('the channel of a sensor carries its readings, and that of its device carries them too', async () => {
    const { sensor_id } = await ask(
      hub,
      'sensor.discover',
      { mcu_id: office.id, static_schema: { manufacturer: 'Sensirion', model: 'SCD41' } },
      office.key,
    );
    const ofSensor = await follow(`device.${sensor_id}.telemetry`);
    const ofDevice = await follow(...of(office, 'telemetry'));
    const ofAll = await follow('device.*.telemetry');
    await office.publish('telemetry', [
      { measurement_type: 'co2', value: 612, sensor_id },
      { measurement_type: 'noise', value: 38 },
    ]);
    const [update] = await eventually('the reading', () =>
      Promise.resolve(ofSensor.updates().length > 0 && ofSensor.updates()),
    );
    assert.equal(update.channel, `device.${sensor_id}.telemetry`);
    assert.deepEqual(
      update.data.live_readings.map(({ value }: { value: number }) => value),
      [612],
    );
    for (const socket of [ofDevice, ofAll]) {
      await eventually('both', () => Promise.resolve(socket.updates().length > 0));
      await socket.call('hub.health');
      const [both, ...more] = socket.updates();
      assert.deepEqual(more, [], 'once, under the device');
      assert.equal(both.channel, of(office, 'telemetry')[0]);
      assert.equal(both.data.live_readings.length, 2);
    }
  });

  it('unsubscribe ends a subscription by its id, or channels by their name', async () => {
    const socket = await follow(...of(kitchen, 'telemetry'));
    await socket.call('subscribe', { channels: of(office, 'telemetry', 'events') });
    const ended = await socket.call('unsubscribe', { subscription_id: socket.subscriptionId });
    assert.deepEqual(ended.result, { unsubscribed: true });
    const channels = await socket.call('unsubscribe', { channels: of(office, 'events') });
    assert.deepEqual(channels.result, { unsubscribed: true });
    const again = await socket.call('unsubscribe', { subscription_id: socket.subscriptionId });
    assert.deepEqual(again.result, { unsubscribed: false });
    await kitchen.publish('telemetry', temperature(23));
    await office.publish('telemetry', temperature(24));
    await eventually('the one that is left', () => Promise.resolve(socket.updates().length > 0));
    await socket.call('hub.health');
    assert.deepEqual(
      socket.updates().map(({ data }) => data.live_readings[0].value),
      [24],
    );
  });

  it('end with the connection', async () => {
    const counts = async (): Promise<{ sessions: number; subscriptions: number }> =>
      (await ask(hub, 'hub.info')).streams;
    const before = await counts();
    const socket = await openSocket(hub);
    await socket.call('subscribe', { channels: ['*'] });
    assert.equal((await counts()).sessions, before.sessions + 1);
    socket.socket.terminate();
    await eventually('it is forgotten', async () => {
      const { sessions, subscriptions } = await counts();
      return sessions === before.sessions && subscriptions === before.subscriptions;
    });
  });

  it('a channel that does not exist is refused with the nearest one', async () => {
    const socket = await openSocket(hub);
    sockets.push(socket);
    const kind = await socket.call('subscribe', { channels: ['device.*.telemetri'] });
    assert.equal(kind.error?.code, -32602);
    assert.equal(kind.error.data.nearest, 'device.*.telemetry');
    const form = await socket.call('subscribe', { channels: ['devices/+/telemetry'] });
    assert.equal(form.error?.code, -32602);
    assert.equal(form.error.data.field, 'channels[0]');
  });

  it('a slow reader loses its oldest updates and is told how many; the others lose none', async () => {
    const slow = await follow(...of(kitchen, 'telemetry'));
    const good = await follow(...of(kitchen, 'telemetry'));
    slow.socket.pause();
    const text = 'x'.repeat(1_000);
    let published = 0;
    const publish = async (): Promise<void> => {
      const readings = Array.from({ length: 200 }, (_unused, index) => ({
        measurement_type: 'camera_note',
        value: `${published} ${text}`,
        timestamp: 1_760_000_000_000 + published * 1000 + index,
      }));
      published += 1;
      await kitchen.publish('telemetry', readings);
    };
    await eventually('the hub gives updates up for the slow one', async () => {
      for (let i = 0; i < 10; i++) await publish();
      return (await ask(hub, 'hub.info')).streams.dropped > 0;
    });
    slow.socket.resume();
    const marker = (socket: Socket) =>
      eventually('the reader has caught up', () => {
        const updates = socket.updates();
        const last = updates.at(-1)?.data.live_readings[0].value as string | undefined;
        return Promise.resolve(last?.startsWith(`${published - 1} `) && updates);
      });
    const [slowUpdates, goodUpdates] = [await marker(slow), await marker(good)];
    assert.equal(goodUpdates.length, published);
    assert.ok(goodUpdates.every((update) => update.dropped === undefined));
    const dropped = slowUpdates.reduce<number>(
      (sum, update) => sum + (Number(update.dropped) || 0),
      0,
    );
    assert.ok(dropped > 0);
    assert.equal(slowUpdates.length + dropped, published, 'every loss is told');
  });
});
