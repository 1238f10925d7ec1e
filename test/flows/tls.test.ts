import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rename, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { connectAsync } from 'mqtt';
import { createAuthority, openAuthority } from '../../nodes/adapters/tls/authority.ts';
import { freePort } from '../support/free-port.ts';
import { hubCli } from '../support/hub-cli.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import { requireTool } from '../support/require-tool.ts';
import { runTool } from '../support/run-tool.ts';
import { until } from '../support/until.ts';

interface TlsHub extends RunningHub {
  tlsPort: number;
  httpsPort: number;
}

/** A hub over TLS with files of its own authority, made before it starts. */
async function startTlsHub(clients: string, env: Record<string, string> = {}): Promise<TlsHub> {
  const dataDir = await mkdtemp(join(tmpdir(), 'llm-iot-tls-'));
  await hubCli(dataDir, 'tls', 'init');
  const tlsPort = await freePort();
  const hub = await startHub({
    dataDir,
    env: {
      LLM_IOT_TLS: 'on',
      LLM_IOT_TLS_MQTT_PORT: String(tlsPort),
      LLM_IOT_TLS_CLIENT_CERTIFICATES: clients,
      ...env,
    },
  });
  return { ...hub, tlsPort, httpsPort: Number(new URL(hub.url).port) };
}

/** Runs a tool to its end; what it wrote. */
function run(command: string, args: string[], input = ''): { code: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(command, args, {
    input,
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { code: status, text: stdout + stderr };
}

const clientArgs = (folder: string, name = 'client'): string[] => [
  ...['--cert', join(folder, `${name}.crt`), '--key', join(folder, `${name}.key`)],
];

/** One call over HTTPS by curl; the body, or what curl complains of. */
function curl(hub: TlsHub, method: string, args: string[], params: object = {}): string {
  return run('curl', [
    ...['-sS', '--max-time', '15', '--cacert', join(hub.dataDir, 'tls', 'ca.crt'), ...args],
    ...['-H', 'Content-Type: application/json'],
    ...['-d', JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })],
    `https://localhost:${hub.httpsPort}/rpc`,
  ]).text;
}

const bearer = (key: string): string[] => ['-H', `Authorization: Bearer ${key}`];

function register(hub: TlsHub, args: string[] = []): { device_id: string; api_key: string } {
  const params = { device_type: 'mcu', static_schema: { manufacturer: 'E', model: 'M' } };
  const text = curl(hub, 'device.register', [...bearer(hub.registrationKey), ...args], params);
  return (JSON.parse(text) as { result: { device_id: string; api_key: string } }).result;
}

/** Publishes a status by mosquitto_pub over TLS. */
function publish(
  hub: TlsHub,
  deviceId: string,
  args: string[],
): { code: number | null; text: string } {
  return run('mosquitto_pub', [
    ...['-h', 'localhost', '-p', String(hub.tlsPort), '-V', '5', '-q', '1'],
    ...['--cafile', join(hub.dataDir, 'tls', 'ca.crt'), ...args],
    ...['-t', `llm-iot/devices/${deviceId}/status`, '-m', '{"status":"online"}'],
  ]);
}

/** A certificate of some authority, in a folder as `tls device` makes it. */
async function placeCertificate(
  pair: { certificate: string; key: string },
  folder: string,
  name: string,
): Promise<string[]> {
  await writeFile(join(folder, `${name}.crt`), pair.certificate);
  await writeFile(join(folder, `${name}.key`), pair.key);
  return clientArgs(folder, name);
}

/** Certificates that must not be taken, for a client called `name`. */
async function badCertificates(
  dataDir: string,
  name: string,
): Promise<Record<string, { args: string[]; reason: RegExp }>> {
  const tls = (file: string): string => join(dataDir, 'tls', file);
  const own = {
    certificate: await readFile(tls('ca.crt'), 'utf8'),
    key: await readFile(tls('ca.key'), 'utf8'),
  };
  const stranger = await openAuthority(await createAuthority('LLM-IoT hub', 10));
  const request = join(dataDir, 'request.csr');
  const key = join(dataDir, 'dated.key');
  run('openssl', [
    ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-keyout', key, '-subj', `/CN=${name}`, '-out', request],
  ]);
  // `openssl x509` of Debian 12 sets no dates; `openssl ca` does.
  await writeFile(join(dataDir, 'index.txt'), '');
  const config = join(dataDir, 'ca.cnf');
  await writeFile(
    config,
    `[ca]\ndefault_ca=d\n[d]\ndatabase=${dataDir}/index.txt\nnew_certs_dir=${dataDir}\nrand_serial=yes\ndefault_md=sha256\npolicy=p\nunique_subject=no\nx509_extensions=e\n[p]\ncommonName=supplied\n[e]\nextendedKeyUsage=clientAuth\n`,
  );
  const dated = (file: string, from: string, to: string): string[] => {
    const made = run('openssl', [
      ...['ca', '-batch', '-config', config, '-cert', tls('ca.crt'), '-keyfile', tls('ca.key')],
      ...['-in', request, '-startdate', from, '-enddate', to, '-out', join(dataDir, file)],
    ]);
    assert.equal(made.code, 0, made.text);
    return ['--cert', join(dataDir, file), '--key', key];
  };
  run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-keyout', join(dataDir, 'self.key'), '-subj', `/CN=${name}`, '-days', '5'],
    ...['-out', join(dataDir, 'self.crt')],
  ]);
  await hubCli(dataDir, 'tls', 'device', name, '--out', join(dataDir, 'revoked'));
  const revoked = run('openssl', [
    ...['x509', '-in', join(dataDir, 'revoked', 'client.crt'), '-noout', '-fingerprint', '-sha256'],
  ]);
  await hubCli(dataDir, 'tls', 'revoke', revoked.text.split('=')[1]?.trim() ?? '');
  return {
    'of another authority of the same name': {
      args: await placeCertificate(await stranger.issueClient(name, 5), dataDir, 'stranger'),
      reason: /not trusted/,
    },
    expired: {
      args: dated('expired.crt', '20200101000000Z', '20210101000000Z'),
      reason: /expired/,
    },
    'not yet valid': {
      args: dated('early.crt', '20400101000000Z', '20450101000000Z'),
      reason: /not yet valid/,
    },
    revoked: { args: clientArgs(join(dataDir, 'revoked')), reason: /revoked/ },
    'signed by itself': { args: clientArgs(dataDir, 'self'), reason: /signed by itself/ },
    'for servers': {
      args: await placeCertificate(
        await (await openAuthority(own)).issueServer([name], 5),
        dataDir,
        'asserver',
      ),
      reason: /not for clients/,
    },
  };
}

const up = /"status":"up"/;

describe('a hub over TLS', function () {
  this.timeout(60_000);
  before(function () {
    requireTool(this, 'openssl', 'openssl');
    requireTool(this, 'curl', 'curl');
    requireTool(this, 'mosquitto_pub', 'mosquitto-clients');
  });

  describe('that asks for certificates', () => {
    let hub: TlsHub;
    let device: { device_id: string; api_key: string };
    let folder: string;
    const withKey = (): string[] => ['-u', device.device_id, '-P', device.api_key];
    before(async () => {
      hub = await startTlsHub('optional');
      device = register(hub);
      folder = join(hub.dataDir, 'tls', 'clients', device.device_id);
      await hubCli(hub.dataDir, 'tls', 'device', device.device_id);
    });
    after(async () => {
      await hub.stop();
      await hub.cleanUp();
    });

    it('serves HTTPS and MQTT with keys, and says where', () => {
      assert.match(curl(hub, 'hub.health', []), up);
      assert.equal(publish(hub, device.device_id, withKey()).code, 0);
      assert.match(hub.output(), new RegExp(`mqtts://127\\.0\\.0\\.1:${hub.tlsPort}`));
      assert.match(hub.output(), new RegExp(`https://127\\.0\\.0\\.1:${hub.httpsPort}/rpc`));
      assert.match(hub.output(), new RegExp(`wss://127\\.0\\.0\\.1:${hub.httpsPort}/ws`));
    });

    it('speaks TLS 1.3 and refuses 1.2, for MQTT and HTTPS', () => {
      for (const port of [hub.tlsPort, hub.httpsPort]) {
        const shared = ['s_client', '-connect', `localhost:${port}`, '-verify_return_error'];
        const ca = ['-CAfile', join(hub.dataDir, 'tls', 'ca.crt')];
        const good = run('openssl', [...shared, ...ca, '-verify_hostname', 'localhost']);
        assert.match(good.text, /TLSv1\.3/);
        assert.match(good.text, /Verify return code: 0/);
        const old = run('openssl', [...shared, ...ca, '-tls1_2']);
        assert.notEqual(old.code, 0);
        assert.match(old.text, /alert protocol version/);
      }
    });

    it('knows a device by its certificate alone, over MQTT and HTTPS', async () => {
      assert.equal(publish(hub, device.device_id, clientArgs(folder)).code, 0);
      const named = ['-u', device.device_id, ...clientArgs(folder)];
      assert.equal(publish(hub, device.device_id, named).code, 0);
      const params = { device_id: device.device_id };
      assert.match(curl(hub, 'device.get', clientArgs(folder), params), /"manufacturer":"E"/);
      const sub = runTool('mosquitto_sub', [
        ...['-h', 'localhost', '-p', String(hub.tlsPort), '-V', 'mqttv5', '-d'],
        ...['--cafile', join(folder, 'ca.crt'), ...clientArgs(folder)],
        ...['-t', `llm-iot/devices/${device.device_id}/command/request`],
      ]);
      await until('it is subscribed', () => sub.output().includes('Subscribed'));
      await sub.kill();
    });

    it('lets a certificate speak for nobody else, and make no wrong key good', () => {
      const other = register(hub);
      const impostor = ['-u', other.device_id, ...clientArgs(folder)];
      assert.notEqual(publish(hub, other.device_id, impostor).code, 0);
      const mixed = ['-u', other.device_id, '-P', other.api_key, ...clientArgs(folder)];
      assert.notEqual(publish(hub, other.device_id, mixed).code, 0);
      const wrong = ['-u', device.device_id, '-P', 'wrong', ...clientArgs(folder)];
      assert.notEqual(publish(hub, device.device_id, wrong).code, 0);
      const about = { device_id: other.device_id };
      assert.match(curl(hub, 'device.get', clientArgs(folder), about), /-3200/);
    });

    it('takes a certificate that is not good as none', async () => {
      const bad = await badCertificates(hub.dataDir, device.device_id);
      await until(
        'the revocation is known',
        () =>
          /-32005/.test(
            curl(hub, 'device.get', bad['revoked']?.args ?? [], { device_id: device.device_id }),
          ) || /curl/.test(curl(hub, 'hub.health', bad['revoked']?.args ?? [])),
      );
      for (const [name, { args }] of Object.entries(bad)) {
        assert.notEqual(publish(hub, device.device_id, args).code, 0, name);
        const params = { device_id: device.device_id };
        const answer = curl(hub, 'device.get', args, params);
        assert.match(answer, name === 'revoked' ? /curl/ : /-32005/, name);
      }
      assert.equal(publish(hub, device.device_id, withKey()).code, 0);
    });

    it('shows a new certificate without a restart; a broken one is not taken, and connections stay', async () => {
      const mqtt = await connectAsync(`mqtts://localhost:${hub.tlsPort}`, {
        ...{ username: device.device_id, password: device.api_key, reconnectPeriod: 0 },
        ca: await readFile(join(hub.dataDir, 'tls', 'ca.crt')),
      });
      const shown = (port: number): Promise<string> =>
        new Promise((resolve, reject) => {
          const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
            resolve(socket.getPeerCertificate().fingerprint256);
            socket.destroy();
          });
          socket.once('error', reject);
        });
      const before = await shown(hub.tlsPort);
      const renewed = await hubCli(hub.dataDir, 'tls', 'renew');
      const fingerprint = /SHA-256 (\S+)/.exec(renewed)?.[1] ?? '';
      assert.notEqual(fingerprint, before);
      for (const port of [hub.tlsPort, hub.httpsPort])
        await until('the new one is shown', async () => (await shown(port)) === fingerprint);

      const certificate = join(hub.dataDir, 'tls', 'server.crt');
      const good = await readFile(certificate, 'utf8');
      await writeFile(`${certificate}.broken`, 'broken');
      await rename(`${certificate}.broken`, certificate);
      await until('it says so', () => hub.output().includes('are no certificate and its key'));
      assert.equal(await shown(hub.tlsPort), fingerprint);
      assert.match(curl(hub, 'hub.info', bearer(hub.adminKey)), /"problem":"certificate"/);
      await writeFile(certificate, good);
      await until(
        'all is well',
        () => !/"problem":"certificate"/.test(curl(hub, 'hub.info', bearer(hub.adminKey))),
      );
      assert.ok(mqtt.connected);
      await mqtt.endAsync(true);
    });

    it('cuts the connections of a certificate that is revoked', async () => {
      const out = join(hub.dataDir, 'lost');
      const printed = await hubCli(hub.dataDir, 'tls', 'device', device.device_id, '--out', out);
      const mqtt = await connectAsync(`mqtts://localhost:${hub.tlsPort}`, {
        ca: await readFile(join(out, 'ca.crt')),
        cert: await readFile(join(out, 'client.crt')),
        key: await readFile(join(out, 'client.key')),
        reconnectPeriod: 0,
      });
      const closed = new Promise<void>((resolve) => mqtt.once('close', () => resolve()));
      await hubCli(hub.dataDir, 'tls', 'revoke', /serial +(\w+)/.exec(printed)?.[1] ?? '');
      await closed;
      assert.notEqual(publish(hub, device.device_id, clientArgs(out)).code, 0);
    });
  });

  describe('that requires certificates', () => {
    let hub: TlsHub;
    let client: string[];
    before(async () => {
      hub = await startTlsHub('required');
      await hubCli(hub.dataDir, 'tls', 'device', 'operator');
      client = clientArgs(join(hub.dataDir, 'tls', 'clients', 'operator'));
    });
    after(async () => {
      await hub.stop();
      await hub.cleanUp();
    });

    it('answers nobody without one, by no way', async () => {
      assert.match(curl(hub, 'hub.health', []), /certificate required|curl/);
      assert.match(curl(hub, 'hub.health', client), up);
      const { device_id: id, api_key: key } = register(hub, client);
      assert.notEqual(publish(hub, id, ['-u', id, '-P', key]).code, 0);
      assert.equal(publish(hub, id, ['-u', id, '-P', key, ...client]).code, 0);
      const plain = connect(hub.mqttPort, '127.0.0.1');
      const [error] = (await once(plain, 'error')) as [NodeJS.ErrnoException];
      assert.equal(error.code, 'ECONNREFUSED');
    });

    it('refuses every certificate that is not good, and stays up', async () => {
      const { device_id: id } = register(hub, client);
      const bad = await badCertificates(hub.dataDir, id);
      await until('the revocation is known', () =>
        /curl/.test(curl(hub, 'hub.health', bad['revoked']?.args ?? [])),
      );
      for (const [name, { args }] of Object.entries(bad)) {
        assert.notEqual(publish(hub, id, args).code, 0, name);
        assert.match(curl(hub, 'hub.health', args), /curl: \(\d+\)/, name);
      }
      const plain = connect(hub.tlsPort, '127.0.0.1');
      plain.on('error', () => undefined);
      plain.write('\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00');
      await once(plain, 'close');
      assert.match(curl(hub, 'hub.health', client), up);
    });
  });

  it('does not start with a version below 1.3, or without files', async () => {
    await assert.rejects(
      startHub({ env: { LLM_IOT_TLS: 'on', LLM_IOT_TLS_MIN_VERSION: 'TLSv1.2' } }),
      /least version is TLSv1\.3/,
    );
    await assert.rejects(startHub({ env: { LLM_IOT_TLS: 'on' } }), /there is no .*server\.crt/);
  });
});
