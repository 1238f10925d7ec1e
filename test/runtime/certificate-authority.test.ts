import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAuthority } from '../../nodes/adapters/tls/authority.ts';
import { hubCli } from '../support/hub-cli.ts';
import { openssl } from '../support/openssl.ts';
import { requireTool } from '../support/require-tool.ts';

describe("the hub's own certificate authority", () => {
  let dataDir: string;
  const tls = (file: string): string => join(dataDir, 'tls', file);
  const hub = (...words: string[]): Promise<string> => hubCli(dataDir, 'tls', ...words);
  const verify = (
    purpose: string,
    file: string,
    ...more: string[]
  ): { ok: boolean; text: string } =>
    openssl([
      'verify',
      '-x509_strict',
      '-CAfile',
      tls('ca.crt'),
      '-purpose',
      purpose,
      ...more,
      file,
    ]);
  const fingerprint = (file: string): string =>
    openssl(['x509', '-in', file, '-noout', '-fingerprint', '-sha256'])
      .text.split('=')[1]
      ?.trim() ?? '';

  before(function () {
    requireTool(this, 'openssl', 'openssl');
  });
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'llm-iot-tls-'));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it('makes a server certificate that OpenSSL finds valid for all its names, keys for their owner alone', async () => {
    const printed = await hub('init', '--host', 'hub.example,192.0.2.7', '--host', '2001:db8::1');
    assert.ok(verify('sslserver', tls('server.crt'), '-verify_hostname', 'hub.example').ok);
    for (const ip of ['127.0.0.1', '::1', '192.0.2.7', '2001:db8::1'])
      assert.ok(verify('sslserver', tls('server.crt'), '-verify_ip', ip).ok, ip);
    assert.ok(!verify('sslserver', tls('server.crt'), '-verify_hostname', 'other.example').ok);
    assert.ok(!verify('sslclient', tls('server.crt')).ok);
    for (const file of ['ca.key', 'server.key'])
      assert.equal((await stat(tls(file))).mode & 0o777, 0o600, file);
    assert.ok(printed.includes(`authority  SHA-256 ${fingerprint(tls('ca.crt'))}`));
    assert.ok(printed.includes(`server     SHA-256 ${fingerprint(tls('server.crt'))}`));
  });

  it('overwrites nothing unless it is forced to', async () => {
    await hub('init');
    const before = await readFile(tls('ca.crt'), 'utf8');
    await assert.rejects(hub('init'), /ca\.crt already/);
    assert.equal(await readFile(tls('ca.crt'), 'utf8'), before);
    await hub('device', 'kitchen');
    await assert.rejects(hub('device', 'kitchen'), /already/);
    await hub('init', '--force');
    assert.notEqual(await readFile(tls('ca.crt'), 'utf8'), before);
    assert.ok(!verify('sslclient', tls('clients/kitchen/client.crt')).ok);
  });

  it('renews the server certificate for the same names and more', async () => {
    await hub('init', '--host', 'one.example', '--days', '10');
    const before = fingerprint(tls('server.crt'));
    const printed = await hub('renew', '--host', 'two.example', '--days', '20');
    assert.notEqual(fingerprint(tls('server.crt')), before);
    for (const host of ['one.example', 'two.example', 'localhost'])
      assert.ok(verify('sslserver', tls('server.crt'), '-verify_hostname', host).ok, host);
    assert.ok(verify('sslserver', tls('server.crt'), '-verify_ip', '::1').ok);
    assert.match(printed, /for .*one\.example, two\.example/);
    const at = Math.floor(Date.now() / 1000) + 21 * 86_400;
    assert.ok(!verify('sslserver', tls('server.crt'), '-attime', String(at)).ok);
  });

  it('issues certificates for clients that are good for nothing else, whatever their name', async () => {
    await hub('init');
    const name = 'a/../b,CN=admin';
    const printed = await hub('device', name);
    const file = tls('clients/a_.._b_CN_admin/client.crt');
    assert.ok(verify('sslclient', file).ok);
    assert.ok(!verify('sslserver', file).ok);
    const subject = openssl(['x509', '-in', file, '-noout', '-subject', '-nameopt', 'multiline']);
    assert.match(subject.text, /commonName += a\/\.\.\/b,CN=admin\n/);
    assert.ok(printed.includes(fingerprint(file)));
    await assert.rejects(hub('device', 'x'.repeat(65)), /1 to 64 characters/);
    await assert.rejects(hub('device', 'x', '--days', '0'), /--days/);
  });

  it('revokes by serial or fingerprint, in a list that OpenSSL takes', async () => {
    await hub('init');
    const files = ['one', 'two', 'three'].map((name) => tls(`clients/${name}/client.crt`));
    for (const name of ['one', 'two', 'three']) await hub('device', name);
    const checked = (file = ''): boolean =>
      verify('sslclient', file, '-crl_check', '-CRLfile', tls('crl.pem')).ok;
    assert.deepEqual(files.map(checked), [true, true, true]);
    await hub('revoke', fingerprint(files[0] ?? ''));
    const serial = openssl(['x509', '-in', files[1] ?? '', '-noout', '-serial']).text;
    await hub('revoke', serial.split('=')[1]?.trim() ?? '');
    assert.deepEqual(files.map(checked), [false, false, true]);
    await assert.rejects(hub('revoke', 'ffff'), /no certificate here/);
    const listed = await hub('list');
    assert.equal(listed.match(/revoked \d{4}-/g)?.length, 2);
    assert.match(listed, /until .*: three/);
  });

  it('binds certificates of others to a role, and refuses what it cannot read', async () => {
    await hub('init');
    const other = join(dataDir, 'other.crt');
    openssl([
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-keyout', join(dataDir, 'other.key'), '-subj', '/CN=other', '-out', other],
    ]);
    const printed = await hub('bind', other, '--role', 'llm_read', '--name', 'reporting');
    assert.equal(printed, `${fingerprint(other)} stands for llm_read (reporting)`);
    await assert.rejects(hub('bind', other, '--role', 'god'), /the role is one of/);
    await assert.rejects(hub('bind', other), /--device or --role/);
    await assert.rejects(hub('bind', other, '--device', 'nobody'), /no device here/);
    await writeFile(tls('certificates.json'), '{"certificates":[{}]}');
    await assert.rejects(hub('list'), /certificate 1 is not complete/);
  });

  it('does not sign with a key that is not its own', async () => {
    await hub('init');
    const certificate = await readFile(tls('ca.crt'), 'utf8');
    const key = await readFile(tls('server.key'), 'utf8');
    await assert.rejects(openAuthority({ certificate, key }), /not that of its certificate/);
  });
});
