import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { ask, eventually } from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';

const readme = new URL('../../firmware/README.md', import.meta.url);

/** The JSON of a step, the given id in place of its placeholder. */
async function messagesOf(step: number, id = '{id}'): Promise<string[]> {
  const text = await readFile(readme, 'utf8');
  const section = text.split(/^### /m).find((part) => part.startsWith(`${step}. `)) ?? '';
  return [...section.matchAll(/^```json\n(.*?)^```/gms)].map(([, json]) =>
    json!.replaceAll('{id}', id),
  );
}

describe('the five steps of firmware/README.md', function () {
  this.timeout(60_000);
  let hub: RunningHub;
  const clients: MqttClient[] = [];
  before(async () => {
    hub = await startHub();
  });
  after(async () => {
    await Promise.all(clients.map((client) => client.endAsync(true)));
    await hub.stop();
    await hub.cleanUp();
  });

  const connect = async (options: IClientOptions): Promise<MqttClient> => {
    const client = await connectAsync(hub.mqttUrl, { protocolVersion: 4, ...options });
    clients.push(client);
    return client;
  };

  it('make a device of whoever follows them to the letter, over MQTT 3.1.1', async () => {
    const joining = await connect({
      clientId: 'esp32-a1b2c3',
      username: 'register',
      password: hub.registrationKey,
    });
    const received: { topic: string; text: string }[] = [];
    const hear = (topic: string, payload: Buffer): void =>
      void received.push({ topic, text: payload.toString() });
    const next = (topic: string) =>
      eventually(`a message on ${topic}`, () => {
        const at = received.findIndex((message) => message.topic === topic);
        return Promise.resolve(at >= 0 && JSON.parse(received.splice(at, 1)[0]!.text));
      });
    joining.on('message', hear);
    const announce = 'llm-iot/discovery/announce';
    const [registration, answer] = await messagesOf(1);
    await joining.subscribeAsync('llm-iot/discovery/response/esp32-a1b2c3', { qos: 1 });
    await joining.publishAsync(announce, registration!, { qos: 1 });
    const { result: joined } = await next('llm-iot/discovery/response/esp32-a1b2c3');
    assert.deepEqual(Object.keys(joined).sort(), Object.keys(JSON.parse(answer!).result).sort());
    await joining.endAsync();

    const id: string = joined.device_id;
    const base = `llm-iot/devices/${id}`;
    const will = { topic: `${base}/status`, payload: Buffer.from('{"status":"offline"}') };
    const device = await connect({
      clientId: id,
      username: id,
      password: joined.api_key,
      will: { ...will, qos: 1, retain: true },
    });
    device.on('message', hear);
    const own = `llm-iot/discovery/response/${id}`;
    const grants = await device.subscribeAsync(
      [`${base}/command/request`, 'llm-iot/discovery/query', own],
      { qos: 1 },
    );
    assert.deepEqual(
      grants.map(({ qos }) => qos),
      [1, 1, 1],
    );
    const resumption = JSON.parse(registration!);
    resumption.params.device_id = id;
    await device.publishAsync(announce, JSON.stringify(resumption), { qos: 1 });
    assert.equal((await next(own)).result.resumed, true);
    await device.publishAsync(`${base}/status`, '{"status":"online"}', { qos: 1, retain: true });

    const [discovery] = await messagesOf(3, id);
    await device.publishAsync(announce, discovery!, { qos: 1 });
    const { sensor_id: sensorId, template } = (await next(own)).result;
    assert.match(template, /sht31/);

    const [report] = await messagesOf(4);
    const readings = JSON.parse(report!.replace('"…"', JSON.stringify(sensorId)));
    readings[0].timestamp = Date.now();
    await device.publishAsync(`${base}/telemetry`, JSON.stringify(readings), { qos: 1 });
    const latest = await ask(hub, 'telemetry.latest', { device_id: id });
    assert.deepEqual(
      latest.readings.map((one: { value: number }) => one.value).sort(),
      readings.map((one: { value: number }) => one.value).sort(),
    );

    const [command, answers] = await messagesOf(5);
    const { method, params } = JSON.parse(command!);
    const [success, failure] = answers!.trim().split('\n');
    const execution = ask(hub, 'device.execute', {
      device_id: id,
      command: method,
      arguments: params,
    });
    const request = await next(`${base}/command/request`);
    assert.deepEqual({ ...request, id: '' }, { ...JSON.parse(command!), id: '' });
    await device.publishAsync(`${base}/command/response`, success!.replace('9b3f…', request.id), {
      qos: 1,
    });
    assert.deepEqual((await execution).applied_config, JSON.parse(success!).result.applied_config);
    assert.equal(JSON.parse(failure!).error.code, -32007);
  });
});
