import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { WebSocket } from 'ws';
import { createSecretSearch } from '../support/find-secrets.ts';
import { freePort } from '../support/free-port.ts';
import {
  ask,
  call,
  deploy,
  esp32,
  eventually,
  getFlow,
  joinDevice,
  openSocket,
  temperature,
} from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';

const planted = (what: string): string => `planted-${what}-${randomBytes(12).toString('hex')}`;

describe('secrets planted everywhere', function () {
  this.timeout(90_000);
  const secrets: Record<string, string> = {
    'the secret key': randomBytes(32).toString('hex'),
    'the admin key': planted('admin'),
    'the registration key': planted('registration'),
    'a wrong key': planted('wrong'),
    'the password of the store': planted('store'),
    'the password of the broker': planted('broker'),
    'an x-sensitive value': planted('wifi'),
  };
  const of = (name: string): string => secrets[name] ?? assert.fail(name);
  /** Everything the hub said, by what was asked. */
  const said: [place: string, text: string][] = [];
  let hub: RunningHub;
  before(async () => {
    hub = await startHub({
      env: {
        LLM_IOT_SECRET_KEY: of('the secret key'),
        LLM_IOT_ADMIN_KEY: of('the admin key'),
        LLM_IOT_REGISTRATION_KEY: of('the registration key'),
      },
    });
    hub.adminKey = of('the admin key');
    hub.registrationKey = of('the registration key');
  });
  after(async () => {
    await hub.kill();
    await hub.cleanUp();
  });

  const note = async (place: string, answer: Promise<unknown>): Promise<void> => {
    said.push([place, JSON.stringify(await answer)]);
  };
  const get = async (path: string, headers: Record<string, string> = {}): Promise<void> => {
    const response = await fetch(`${hub.url}${path}`, { headers });
    said.push([path, (await response.text()) + JSON.stringify([...response.headers])]);
  };
  const post = async (place: string, body: string, headers: object): Promise<void> => {
    const response = await fetch(`${hub.url}/rpc`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
    said.push([place, (await response.text()) + JSON.stringify([...response.headers])]);
  };
  const search = () => createSecretSearch(secrets);
  const nothingFound = async (): Promise<string[]> => {
    const { hits, files } = await search().inFolder(hub.dataDir);
    const told = [...said, ['the log', hub.output()] as const];
    const all = [...hits, ...told.flatMap(([place, text]) => search().inText(text, place))];
    assert.deepEqual(all, []);
    return files;
  };

  it('would be found: the search sees them in clear, in hexadecimal and in base64', async () => {
    const file = join(hub.dataDir, 'proof.txt');
    const secret = Buffer.from(of('the admin key'));
    const forms = [0, 1, 2].map((n) =>
      Buffer.concat([Buffer.alloc(n, 'x'), secret, Buffer.from('y')]),
    );
    const texts = forms.flatMap((bytes) => [
      bytes.toString(),
      bytes.toString('hex'),
      bytes.toString('base64'),
      bytes.toString('base64url'),
    ]);
    for (const text of texts) {
      await writeFile(file, text);
      const { hits } = await search().inFolder(hub.dataDir);
      assert.deepEqual(hits, ['the admin key in proof.txt'], text);
    }
    await writeFile(file, '');
  });

  it('are in no answer, no log and no file after a day of a hub', async () => {
    const secret = { type: 'string', 'x-sensitive': true, maxLength: 64 };
    const wifi = of('an x-sensitive value');
    const board = esp32('planted', {
      commands: { configure: { arguments: { ssid: 'string', wifi: secret } } },
    });
    const device = await joinDevice(hub, board);
    secrets['the key of a device'] = device.key;
    const asking = { ...board, signing_secret: true };
    const { signing_secret } = await ask(hub, 'device.register', asking, device.key);
    secrets['the signing secret of a device'] = signing_secret;
    const made = await ask(hub, 'key.create', { role: 'llm_read', name: 'reader' });
    secrets['a key that was made'] = made.key;
    const rotated = await ask(hub, 'key.rotate', { key_id: made.key_id });
    secrets['a key that was rotated'] = rotated.key;
    await note('hub.info of a reader', call(hub, 'hub.info', {}, rotated.key));
    await device.onCommand(({ params }) =>
      (params as { ssid: string }).ssid === 'bad'
        ? { error: { code: 1, message: 'no', data: params } }
        : { result: { applied_config: params } },
    );
    const socket = await openSocket(hub);
    await socket.call('subscribe', { channels: ['*'] });
    const configure = (args: object): Promise<unknown> =>
      call(hub, 'device.execute', { device_id: device.id, command: 'configure', arguments: args });
    await note('execute', configure({ ssid: 'good', wifi }));
    await note('execute that fails', configure({ ssid: 'bad', wifi }));
    await note(
      'execute with a value that is too long',
      configure({ ssid: 'x', wifi: wifi.repeat(3) }),
    );
    await note('execute with a wrong type', configure({ ssid: 'x', wifi: [wifi] }));
    await device.publish('telemetry', temperature(20));
    await device.publish('telemetry', '{"measurement_type":');
    for (const method of [
      'key.list',
      'device.list',
      'sensor.list',
      'telemetry.latest',
      'alert.list',
      'hub.info',
    ])
      await note(method, call(hub, method));
    await note('rpc.methods', call(hub, 'rpc.methods'));
    await note('rpc.methods of a device', call(hub, 'rpc.methods', {}, device.key));
    await note('device.get', call(hub, 'device.get', { device_id: device.id }));
    await note('hub.info of a device', call(hub, 'hub.info', {}, device.key));
    await note('hub.info of the registration key', call(hub, 'hub.info', {}, hub.registrationKey));
    await note(
      'a device that is there',
      call(hub, 'device.register', esp32('planted'), hub.registrationKey),
    );

    const wrong = of('a wrong key');
    await note('a wrong key', call(hub, 'hub.info', {}, wrong));
    await note(
      'a wrong api_key',
      call(hub, 'device.register', { ...esp32('planted'), api_key: wrong }),
    );
    const basic = Buffer.from(`admin:${wrong}`).toString('base64');
    await post('basic authorization', '{}', { authorization: `Basic ${basic}` });
    await post('broken JSON', '{"jsonrpc":', { authorization: `Bearer ${hub.adminKey}` });
    await get('/metrics', { authorization: `Bearer ${hub.adminKey}` });
    await get('/metrics', { authorization: `Bearer ${hub.registrationKey}` });
    await get('/metrics');
    await assert.rejects(
      connectAsync(hub.mqttUrl, { username: device.id, password: wrong, reconnectPeriod: 0 }),
      (error: Error) => said.push(['MQTT', error.message]) > 0,
    );
    const refused = new WebSocket(`${hub.url.replace('http', 'ws')}/ws`, [
      'llm-iot',
      `bearer.${wrong}`,
    ]);
    const [error] = (await once(refused, 'error')) as [Error];
    said.push(['a refused WebSocket', error.message]);
    await note(
      'resuming',
      socket.call('device.register', { ...esp32('planted'), device_id: device.id }),
    );
    await eventually('the event of it', () =>
      socket.updates().some(({ data }) => data.event === 'resumed'),
    );
    said.push(['live updates', JSON.stringify(socket.received)]);
    await socket.close();
    await ask(hub, 'hub.backup');
    await device.end();
    const files = await nothingFound();
    for (const expected of ['hub.db', 'mqtt.db', 'flows.json', 'telemetry.db'])
      assert.ok(files.includes(expected), expected);
    assert.ok(files.some((file) => file.startsWith('backups')));
    assert.ok(!files.includes('secret-key'), 'the key is from the environment');
  });

  it('are in no file and no log when the store and the broker cannot be reached', async () => {
    const flow = await getFlow(hub);
    const url = (scheme: string, port: number): string => `${scheme}://127.0.0.1:${port}`;
    const [storePort, brokerPort] = [await freePort(), await freePort()];
    const password = of('the password of the store');
    const form = {
      kind: 'postgresql',
      url: url('postgres', storePort),
      username: 'hub',
      database: 'd',
    };
    const tried = await fetch(`${hub.url}/llm-iot/store/test`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ form, secrets: { password } }),
    });
    said.push(['the test of the store', await tried.text()]);
    const part = (type: string) => flow.find((node) => node.type === type) ?? assert.fail(type);
    Object.assign(part('llm-iot-store'), form, { credentials: { password } });
    Object.assign(part('llm-iot-broker'), {
      ...{ kind: 'external', url: url('mqtt', brokerPort) },
      credentials: { username: 'hub', password: of('the password of the broker') },
    });
    await deploy(hub, flow);
    await eventually(
      'the hub runs with them',
      async () => {
        const answer = await call(hub, 'hub.info').catch(() => undefined);
        return (
          answer?.result?.telemetry.store.spool !== undefined &&
          answer.result.mqtt.url.includes(String(brokerPort))
        );
      },
      20_000,
    );
    for (const method of ['hub.info', 'hub.health']) await note(method, call(hub, method));
    await get('/metrics', { authorization: `Bearer ${hub.adminKey}` });
    await get('/flows');
    await nothingFound();
    await hub.kill();
    const files = await nothingFound();
    assert.ok(files.includes('flows_cred.json'));
  });
});
