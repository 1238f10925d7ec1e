import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Webhook } from 'standardwebhooks';
import {
  ask,
  call,
  esp32,
  eventually,
  joinDevice,
  type TestDevice,
} from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import { requireTool } from '../support/require-tool.ts';
import { runTool } from '../support/run-tool.ts';

interface Message {
  id: string;
  method: string;
  params: object;
  body: string;
  signature: { id: string; timestamp: number; signature: string };
}
const root = join(import.meta.dirname, '..', '..');
const door = {
  commands: {
    open: {
      critical: true,
      arguments: { type: 'object', properties: { label: { type: 'string' } } },
    },
    look: {},
  },
};

describe('critical commands with the running hub', function () {
  this.timeout(60_000);
  let hub: RunningHub;
  let device: TestDevice;
  let deviceSecret: string;
  let callerSecret: string;
  let directory: string;
  let heard: Message[] = [];
  let count = 0;

  /** As a caller would write it: with the package standardwebhooks, members in order by hand. */
  const signed = (args: object, more: { id?: string; secret?: string; at?: Date } = {}) => {
    const { id = `call-${(count += 1)}`, secret = callerSecret, at = new Date() } = more;
    const body = `{"arguments":${JSON.stringify(args)},"command":"open","device_id":"${device.id}","method":"device.execute"}`;
    const timestamp = Math.floor(at.getTime() / 1000);
    return { id, timestamp, signature: new Webhook(secret).sign(id, at, body) };
  };
  const open = (args: object, signature?: object, key?: string) =>
    call(
      hub,
      'device.execute',
      { device_id: device.id, command: 'open', arguments: args, ...(signature && { signature }) },
      key,
    );

  before(async () => {
    hub = await startHub();
    directory = await mkdtemp(join(tmpdir(), 'llm-iot-signature-'));
    device = await joinDevice(hub, esp32('door', door));
    deviceSecret = device.signingSecret!;
    await device.onCommand((command) => {
      heard.push(command as Message);
      return { result: { did: command.method } };
    });
    callerSecret = (await ask(hub, 'key.signing_secret', { key_id: 'admin' })).signing_secret;
  });
  beforeEach(() => {
    heard = [];
  });
  after(async () => {
    await device.end();
    await hub.stop();
    await hub.cleanUp();
    await rm(directory, { recursive: true, force: true });
  });

  it('a device with a critical command gets its secret once, and another one when it asks', async () => {
    const fresh = await ask(hub, 'device.register', esp32('door-2', door), hub.registrationKey);
    assert.match(fresh.signing_secret, /^whsec_/);
    const again = await ask(hub, 'device.register', esp32('door-2', door), fresh.api_key);
    assert.equal(again.signing_secret, undefined);
    const asked = { ...esp32('door-2', door), signing_secret: true };
    const other = await ask(hub, 'device.register', asked, fresh.api_key);
    assert.match(other.signing_secret, /^whsec_/);
    assert.notEqual(other.signing_secret, fresh.signing_secret);
    const plain = await ask(hub, 'device.register', esp32('lamp'), hub.registrationKey);
    assert.equal(plain.signing_secret, undefined);
    assert.match(deviceSecret, /^whsec_/);
    const records = await readFile(join(hub.dataDir, 'hub.db'));
    for (const secret of [deviceSecret, callerSecret, fresh.signing_secret as string])
      assert.ok(!records.includes(secret.slice(6)), 'no secret is on disk as it is');
  });

  it('leave when they are signed, and are refused when not, changed, too late or repeated', async () => {
    const good = signed({ label: 'ä 😀' });
    assert.equal((await open({ label: 'b' }, good)).error?.data.signature, 'wrong');
    assert.equal((await open({ label: 'ä 😀' }, good)).result?.status, 'success');
    assert.equal((await open({ label: 'ä 😀' }, good)).error?.data.signature, 'replayed');
    assert.equal((await open({})).error?.data.signature, 'missing');
    const late = signed({}, { at: new Date(Date.now() - 301_000) });
    assert.equal((await open({}, late)).error?.data.signature, 'stale');
    const stranger = signed({}, { secret: deviceSecret });
    const { error } = await open({}, stranger);
    assert.equal(error?.code, -32005);
    assert.equal(error.data.signature, 'wrong');
    assert.equal(heard.length, 1, 'nothing else left the hub');
    const [message] = heard;
    assert.deepEqual(JSON.parse(message!.body), {
      ...{ device_id: device.id, id: message!.id, method: 'open', params: { label: 'ä 😀' } },
    });
  });

  it('a key that is made with a secret, and without', async () => {
    const made = await ask(hub, 'key.create', { role: 'llm_write', signing: true });
    const { secret } = { secret: made.signing_secret as string };
    assert.equal((await open({}, signed({}, { secret }), made.key)).result?.status, 'success');
    const bare = await ask(hub, 'key.create', { role: 'llm_write' });
    assert.equal(bare.signing_secret, undefined);
    const { error } = await open({}, signed({}, { secret }), bare.key);
    assert.equal(error?.data.signature, 'no_secret');
    assert.equal(error.data.key_id, bare.key_id);
    const next = await ask(hub, 'key.signing_secret', { key_id: made.key_id, overlap_seconds: 0 });
    const old = await open({}, signed({}, { secret }), made.key);
    assert.equal(old.error?.data.signature, 'wrong');
    const newest = signed({}, { secret: next.signing_secret as string });
    assert.equal((await open({}, newest, made.key)).result?.status, 'success');
    const rotation = { key_id: made.key_id, overlap_seconds: 0 };
    const rotated = await ask(hub, 'key.rotate', rotation);
    const still = signed({}, { secret: next.signing_secret as string });
    assert.equal(
      (await open({}, still, rotated.key)).result?.status,
      'success',
      'after key.rotate',
    );
    const kept = (): unknown => {
      const db = new DatabaseSync(join(hub.dataDir, 'hub.db'), { readOnly: true });
      try {
        const count = db.prepare('SELECT count(*) AS n FROM records WHERE id = ?');
        return count.get(`caller:${made.key_id}`)?.['n'];
      } finally {
        db.close();
      }
    };
    assert.equal(kept(), 1);
    await ask(hub, 'key.revoke', { key_id: made.key_id });
    await eventually('the secret goes with its key', () => kept() === 0);
  });

  it('what is not critical has nothing more in its message', async () => {
    await ask(hub, 'device.execute', { device_id: device.id, command: 'look' });
    assert.deepEqual(Object.keys(heard[0]!), ['jsonrpc', 'id', 'method', 'params']);
  });

  /** A message of the hub, and what is done to it on its way, with the time at the device and what that has to say. */
  const attempts = async (): Promise<{ now: number; message: Message; says: string }[]> => {
    await open({ label: 'ä "😀"' }, signed({ label: 'ä "😀"' }));
    const message = heard[0]!;
    const { signature, body } = message;
    const { timestamp } = signature;
    const changed = (more: Partial<Message['signature']>, other = body): Message => ({
      ...{ ...message, body: other, signature: { ...signature, ...more } },
    });
    const old = new Webhook(callerSecret).sign(signature.id, new Date(timestamp * 1000), body);
    const many = Array.from({ length: 32 }, (_, index) => {
      const id = `more-${index}`;
      const own = new Webhook(deviceSecret).sign(id, new Date(timestamp * 1000), body);
      return {
        now: timestamp,
        message: changed({ id, signature: own }),
        says: index < 31 ? 'ok' : 'full',
      };
    });
    return [
      { now: timestamp, message: changed({}, body.replace('open', 'shut')), says: 'wrong' },
      { now: timestamp, message: changed({}, `${body} `), says: 'wrong' },
      { now: timestamp, message: changed({ id: 'another' }), says: 'wrong' },
      { now: timestamp, message: changed({ timestamp: timestamp + 1 }), says: 'wrong' },
      { now: timestamp, message: changed({ signature: old }), says: 'wrong' },
      { now: timestamp, message: changed({ signature: 'v1,' }), says: 'wrong' },
      { now: timestamp + 301, message, says: 'stale' },
      { now: timestamp - 301, message, says: 'stale' },
      {
        now: timestamp + 300,
        message: changed({ signature: `${old} ${signature.signature}` }),
        says: 'ok',
      },
      { now: timestamp + 300, message, says: 'replayed' },
      ...many,
      { now: timestamp + 301, message, says: 'stale' },
    ];
  };
  const run = (command: string, args: string[], lines: string[]): string[] => {
    const { stdout, stderr, status } = spawnSync(command, args, {
      ...{ encoding: 'utf8', input: `${lines.join('\n')}\n` },
    });
    assert.equal(status, 0, stderr);
    return stdout.trim().split('\n');
  };

  it('firmware/python takes what the hub signed, and nothing that was changed, late or repeated', async function () {
    const python = requireTool(this, 'python3', 'python3');
    const tried = await attempts();
    const said = run(
      python,
      ['test/interop/signature_device.py', deviceSecret, device.id],
      tried.map(({ now, message }) => `${now} ${JSON.stringify(message)}`),
    );
    assert.deepEqual(
      said.map((line) => line.split(' ')[0]),
      tried.map(({ says }) => says),
    );
    const taken = said.find((line) => line.startsWith('ok '))!;
    assert.deepEqual(JSON.parse(taken.slice(3)), JSON.parse(heard[0]!.body));
    const [elsewhere] = run(
      python,
      ['test/interop/signature_device.py', deviceSecret, 'another-device'],
      [`${heard[0]!.signature.timestamp} ${JSON.stringify(heard[0])}`],
    );
    assert.equal(elsewhere, 'elsewhere');
    const [malformed] = run(
      python,
      ['test/interop/signature_device.py', deviceSecret, device.id],
      ['0 {"jsonrpc":"2.0","id":"1","method":"open","params":{}}'],
    );
    assert.equal(malformed, 'malformed');
  });

  it('firmware/c does the same, compiled without a warning', async function () {
    const gcc = requireTool(this, 'gcc', 'gcc libc6-dev');
    const program = join(directory, 'check');
    const sources = ['test/interop/signature_device.c', 'firmware/c/llm_iot_signature.c'];
    const flags = ['-std=c99', '-Wall', '-Wextra', '-Werror', '-pedantic', '-O2'];
    await runTool(gcc, [...flags, '-fsanitize=undefined', '-o', program, ...sources]).done();
    const tried = await attempts();
    const lines = tried.map(({ now, message: { body, signature: s } }) =>
      [now, s.id, s.timestamp, s.signature, body].join('\t'),
    );
    assert.deepEqual(
      run(program, [deviceSecret], lines),
      tried.map(({ says }) => says),
    );
    const { timestamp: now } = heard[0]!.signature;
    assert.deepEqual(run(program, [deviceSecret], [`${now}\ta.b\t${now}\tv1,x\t{}`]), [
      'malformed',
    ]);
    // Bodies around the ends of blocks of 64 bytes.
    for (const length of [1, 40, 41, 48, 49, 50, 104, 105, 112, 113, 114]) {
      const body = 'x'.repeat(length);
      const own = new Webhook(deviceSecret).sign('id', new Date(now * 1000), body);
      const line = `${now}\tid\t${now}\t${own}\t${body}`;
      assert.deepEqual(run(program, [deviceSecret], [line]), ['ok'], String(length));
    }
    assert.equal(spawnSync(program, ['whsec_short']).status, 2);
  });

  it('a signature that was used is known after a restart', async () => {
    const good = signed({});
    assert.equal((await open({}, good)).result?.status, 'success');
    await hub.kill();
    hub = await startHub({ dataDir: hub.dataDir });
    assert.equal((await open({}, good)).error?.data.signature, 'replayed');
  });

  it('the example of docs/security.md comes out of openssl as printed', async () => {
    const text = await readFile(join(root, 'docs/security.md'), 'utf8');
    const script = /```sh\n(secret='[^]*?)\n```/.exec(text)?.[1] ?? '';
    const printed = /prints `([^`]+)`/.exec(text)?.[1];
    const { stdout } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    assert.equal(stdout.trim(), printed);
    assert.ok(text.includes(`"signature": "v1,${printed}"`));
  });
});
