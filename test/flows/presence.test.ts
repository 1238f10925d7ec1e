import assert from 'node:assert/strict';
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
import { listen, roomNode } from '../support/house.ts';

describe('presence with the running hub', function () {
  this.timeout(20_000);
  let hub: RunningHub;

  before(async () => {
    hub = await startHub();
  });
  after(async () => {
    await hub.stop();
    await hub.cleanUp();
  });

  const statusOf = async (id: string): Promise<string> =>
    (await ask(hub, 'device.get', { device_id: id })).status;
  const becomes = (id: string, status: string): Promise<unknown> =>
    eventually(`${id} is ${status}`, async () => (await statusOf(id)) === status);
  const raised = async (id: string): Promise<{ kind: string }[]> => {
    const { alerts } = await ask(hub, 'alert.list', { device_id: id, state: 'raised' });
    return alerts;
  };
  const offline = async (device: TestDevice): Promise<void> => {
    await device.publish('status', 'offline');
    await becomes(device.id, 'offline');
  };

  it('two and a half missed heartbeats mark a device offline, store that, raise an alarm, publish it and stream it', async () => {
    const id = (
      await ask(
        hub,
        'device.register',
        roomNode('kitchen', { heartbeat_interval: 1 }),
        hub.registrationKey,
      )
    ).device_id;
    const live = await openSocket(hub);
    await live.call('subscribe', {
      channels: [`device.${id}.status`, `device.${id}.alerts`, `device.${id}.events`],
    });
    const listener = await listen(hub, 'llm-iot/alerts/#');
    const { heard } = listener;

    await becomes(id, 'offline');
    const [alarm] = await eventually('the alarm', async () => {
      const alarms = await raised(id);
      return alarms.length > 0 && alarms;
    });
    assert.equal(alarm?.kind, 'offline');
    const published = await eventually('the alarm on MQTT', () =>
      Promise.resolve(heard.find(({ json }) => json.device_id === id)),
    );
    assert.equal(published.topic, 'llm-iot/alerts/error');
    assert.equal(published.json.kind, 'offline');
    assert.equal(published.json.state, 'raised');
    const updates = await eventually('the updates', () =>
      Promise.resolve(live.updates().length >= 3 && live.updates()),
    );
    const status = updates.find(({ channel }) => channel === `device.${id}.status`);
    assert.equal(status.data.device_id, id);
    assert.match(status.data.reason, /no sign of life for [23] s/);
    const alert = updates.find(({ channel }) => channel === `device.${id}.alerts`);
    assert.equal(alert.data.kind, 'offline');
    const event = updates.find(({ channel }) => channel === `device.${id}.events`);
    assert.equal(event.data.event, 'offline');

    await ask(hub, 'device.heartbeat', { device_id: id });
    await becomes(id, 'online');
    await eventually('the alarm is cleared', async () => (await raised(id)).length === 0);
    const cleared = await eventually('told on MQTT', () =>
      Promise.resolve(heard.find(({ json }) => json.state === 'cleared')),
    );
    assert.equal(cleared.json.device_id, id);
    await listener.end();
    await live.close();
  });

  it('a device that keeps to its heartbeat_interval stays online, whatever carries the beat', async () => {
    const device = await joinDevice(hub, roomNode('office', { heartbeat_interval: 1 }));
    const live = await openSocket(hub);
    await live.call('subscribe', { channels: [`device.${device.id}.events`] });
    const beats = [
      () => device.publish('status', 'online'),
      () => device.publish('status', { status: 'online', uptime: 7 }),
      () => device.publish('status', { jsonrpc: '2.0', method: 'device.heartbeat', params: {} }),
      () => ask(hub, 'device.heartbeat', { device_id: device.id }, device.key),
    ];
    const until = Date.now() + 3_500;
    let next = 0;
    await eventually('more time than two and a half heartbeats has passed', async () => {
      await beats[next++ % beats.length]?.();
      return Date.now() > until;
    });
    assert.equal(await statusOf(device.id), 'online');
    assert.deepEqual(live.updates(), []);
    await live.close();
    await device.end();
  });

  it('a last will takes a device offline at once', async () => {
    const device = await joinDevice(hub, roomNode('garage'), { will: true });
    device.mqtt.stream.destroy();
    await becomes(device.id, 'offline');
    const [alarm] = await raised(device.id);
    assert.equal(alarm?.kind, 'offline');
    const { error } = await call(hub, 'device.execute', {
      device_id: device.id,
      command: 'blink',
    });
    assert.equal(error?.code, -32001);
  });

  it('a client that says goodbye leaves no will behind', async () => {
    const device = await joinDevice(hub, roomNode('porch'), { will: true });
    await device.mqtt.endAsync(false);
    const witness = await joinDevice(hub, roomNode('hall'));
    await offline(witness);
    assert.equal(await statusOf(device.id), 'online');
    await witness.end();
  });

  it('any sign of life brings a device back: a reading, an answer, a status, a call, a registration', async () => {
    const device = await joinDevice(hub, roomNode('attic'));
    const { sensor_id } = await ask(
      hub,
      'sensor.discover',
      { mcu_id: device.id, static_schema: { manufacturer: 'Bosch', model: 'BME280' } },
      device.key,
    );
    const signs: Record<string, () => Promise<unknown>> = {
      'a reading': () => device.publish('telemetry', temperature(18)),
      'a reading of its sensor': () =>
        device.mqtt.publishAsync(
          `llm-iot/devices/${sensor_id}/telemetry`,
          JSON.stringify(temperature(18)),
          { qos: 1 },
        ),
      'an answer': () =>
        device.publish('command/response', { jsonrpc: '2.0', id: 'old', result: {} }),
      'a status': () => device.publish('status', 'online'),
      'a call': () => ask(hub, 'rpc.methods', {}, device.key),
      'a registration': () => ask(hub, 'device.register', roomNode('attic'), device.key),
    };
    for (const [what, sign] of Object.entries(signs)) {
      await offline(device);
      await sign();
      await eventually(`back by ${what}`, async () => (await statusOf(device.id)) === 'online');
    }
    await eventually('no alarm is left', async () => (await raised(device.id)).length === 0);
    await device.end();
  });

  it('a status message that is none raises an alarm and changes nothing', async () => {
    const device = await joinDevice(hub, roomNode('bathroom'));
    await device.publish('status', { status: 'sleepy' });
    const [alarm] = await eventually('the alarm', async () => {
      const alarms = await raised(device.id);
      return alarms.length > 0 && alarms;
    });
    assert.equal(alarm?.kind, 'bad_message');
    assert.equal(await statusOf(device.id), 'online');
    await device.end();
  });

  it('the alarm of a device that is removed ends with it', async () => {
    const device = await joinDevice(hub, roomNode('shed'));
    await offline(device);
    await eventually('the alarm', async () => (await raised(device.id)).length === 1);
    await ask(hub, 'device.remove', { device_id: device.id });
    await eventually('no alarm', async () => (await raised(device.id)).length === 0);
    await device.end();
  });

  it('what is stored of presence outlives the hub: offline stays offline, with its alarm', async () => {
    const device = await joinDevice(hub, roomNode('cellar'));
    await offline(device);
    await eventually('the alarm', async () => (await raised(device.id)).length === 1);
    await device.end();
    await hub.kill();
    hub = await startHub({ dataDir: hub.dataDir });
    assert.equal(await statusOf(device.id), 'offline');
    const [alarm] = await raised(device.id);
    assert.equal(alarm?.kind, 'offline');
    await ask(hub, 'device.heartbeat', { device_id: device.id });
    await becomes(device.id, 'online');
    await eventually('the alarm is cleared', async () => (await raised(device.id)).length === 0);
  });
});
