import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type ConnectionOptions, type TlsOptions } from 'node:tls';
import { createEmbeddedBroker } from '../../../nodes/adapters/mqtt/embedded-broker.ts';
import type { BrokerLimits } from '../../../nodes/adapters/mqtt/limits.ts';
import { createAuthority, openAuthority } from '../../../nodes/adapters/tls/authority.ts';
import { createAuditTrail, type AuditEvent } from '../../../nodes/core/security/audit.ts';
import type { MqttLink } from '../../../nodes/core/topic/ports.ts';
import { openCertificateAuthority } from '../../../nodes/runtime/certificate-authority.ts';
import { openHubTls } from '../../../nodes/runtime/hub-tls.ts';
import { systemClock } from '../../../nodes/runtime/system.ts';
import { tlsSettingsFrom } from '../../../nodes/runtime/tls-settings.ts';
import { ownerOf, principalOf } from '../../support/mqtt-hub.ts';
import { until } from '../../support/until.ts';

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => socket.once('close', () => resolve()));
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

describe('the TLS door of the embedded broker', () => {
  let dataDir: string;
  let ca: string;
  let stop: () => Promise<void>;
  let link: MqttLink;
  let port: number;
  let told: AuditEvent[];

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'llm-iot-door-'));
    await openCertificateAuthority(dataDir).init({ hosts: [], days: 5, force: false });
    ca = await readFile(join(dataDir, 'tls', 'ca.crt'), 'utf8');
  });
  after(() => rm(dataDir, { recursive: true, force: true }));
  afterEach(() => stop());

  const start = async (
    clients: string,
    options: TlsOptions = {},
    limits: Partial<BrokerLimits> = {},
  ): Promise<void> => {
    told = [];
    const audit = createAuditTrail({ clock: systemClock, log });
    audit.listen((event) => told.push(event));
    const fields = { tlsMode: 'on', tlsPort: 0, tlsClients: clients, tlsPlain: 'off' };
    const tls = await openHubTls({
      settings: tlsSettingsFrom(fields, {}, dataDir),
      hasDevice: () => false,
      ...{ audit, clock: systemClock, log },
    });
    const door = tls.door('127.0.0.1');
    assert.ok(door);
    link = await createEmbeddedBroker({
      ...{ host: '127.0.0.1', port: undefined, clock: systemClock, ownerOf, limits, log },
      authenticate: async (credentials, caller) =>
        (await principalOf(credentials, caller)) ?? (await tls.way(credentials, caller)),
      secure: { ...door, options: () => ({ ...door.options(), ...options }) },
    });
    assert.match(link.url, /^mqtts:/);
    port = Number(new URL(link.url).port);
    stop = async () => {
      await link.close();
      tls.close();
    };
  };
  const plain = (): Socket => connect(port, '127.0.0.1').on('error', () => undefined);
  const secure = (options: ConnectionOptions = {}) =>
    connectTls({ host: '127.0.0.1', port, ca, ...options }).on('error', () => undefined);
  const refusal = (): Promise<AuditEvent> =>
    until('it is told', () => told.find(({ outcome }) => outcome === 'refused'));

  it('cuts a handshake that does not go on, and tells of it', async () => {
    await start('off', { handshakeTimeout: 100 });
    const silent = plain();
    const half = plain();
    half.write(Buffer.from('1603010200010001fc0303', 'hex'));
    await Promise.all([closed(silent), closed(half)]);
    const { action, address, reason } = await refusal();
    assert.deepEqual([action, address, reason], ['authentication', '127.0.0.1', 'took too long']);
  });

  it('cuts who speaks no TLS, or one older than 1.3, and tells of it', async () => {
    await start('off');
    const socket = plain();
    socket.write('\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00');
    await closed(socket);
    assert.equal((await refusal()).reason, 'not TLS');
    told = [];
    await closed(secure({ maxVersion: 'TLSv1.2' }));
    assert.equal((await refusal()).reason, 'older than TLS 1.3');
  });

  it('tells of a certificate that opens no connection, with the address', async () => {
    await start('required');
    const other = await openAuthority(await createAuthority('LLM-IoT hub', 5));
    const { certificate: cert, key } = await other.issueClient('mcu-1', 5);
    await closed(secure({ cert, key }));
    const { action, address, reason } = await refusal();
    assert.equal(action, 'certificate');
    assert.equal(address, '127.0.0.1');
    assert.match(reason ?? '', /not trusted/);
    told = [];
    await closed(secure());
    assert.equal((await refusal()).reason, 'no client certificate');
  });

  it('tells of a good certificate that stands for nobody, with its name', async () => {
    await start('optional');
    const folder = join(dataDir, 'stranger');
    const authority = openCertificateAuthority(dataDir);
    await authority.issueClient('stranger', { days: 5, folder, force: true });
    const socket = secure({
      cert: await readFile(join(folder, 'client.crt')),
      key: await readFile(join(folder, 'client.key')),
    });
    socket.write('\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a', 'latin1');
    await closed(socket.resume());
    const { action, subject, reason } = await refusal();
    assert.deepEqual(
      [action, subject, reason],
      ['certificate', 'stranger', 'stands for nobody here'],
    );
  });

  it('counts a socket among the connections before its handshake', async () => {
    await start('off', {}, { maxConnections: 1 });
    const first = plain();
    await once(first, 'connect');
    await closed(plain().resume());
    first.destroy();
    await until('there is room again', async () => {
      const socket = secure();
      return Promise.race([
        new Promise<boolean>((resolve) => socket.once('secureConnect', () => resolve(true))),
        closed(socket).then(() => false),
      ]).finally(() => socket.destroy());
    });
  });
});
