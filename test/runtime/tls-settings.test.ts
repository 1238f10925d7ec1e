import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuditTrail } from '../../nodes/core/security/audit.ts';
import { openCertificateAuthority } from '../../nodes/runtime/certificate-authority.ts';
import { openHubTls } from '../../nodes/runtime/hub-tls.ts';
import { systemClock } from '../../nodes/runtime/system.ts';
import { tlsSettingsFrom } from '../../nodes/runtime/tls-settings.ts';

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

describe('the settings of TLS', () => {
  it('are off unless asked for; the form goes before the environment', () => {
    assert.equal(tlsSettingsFrom({}, {}, '/data'), undefined);
    assert.equal(tlsSettingsFrom({ tlsMode: 'off' }, { LLM_IOT_TLS: 'on' }, '/data'), undefined);
    assert.deepEqual(tlsSettingsFrom({ tlsKey: '/k.pem' }, { LLM_IOT_TLS: 'on' }, '/data'), {
      ...{ mqttPort: 8883, clientCertificates: 'off', plainMqtt: 'loopback' },
      ...{ certificate: '/data/tls/server.crt', key: '/k.pem', authority: '/data/tls/ca.crt' },
      ...{ revocations: '/data/tls/crl.pem', book: '/data/tls/certificates.json' },
    });
  });

  it('are refused where they would leave a way around', () => {
    const read = (fields: object) => () => tlsSettingsFrom({ tlsMode: 'on', ...fields }, {}, '/d');
    for (const version of ['TLSv1.2', '1.2', 'TLSv1', 'SSLv3', 'TLSv1.4'])
      assert.throws(read({ tlsMinVersion: version }), /least version is TLSv1\.3/, version);
    assert.equal(read({ tlsClients: 'required' })()?.plainMqtt, 'off');
    assert.throws(read({ tlsClients: 'required', tlsPlain: 'loopback' }), /must be off/);
    assert.throws(read({ tlsClients: 'perhaps' }), /one of off, optional, required/);
    assert.throws(read({ tlsPort: 70_000 }), /port/);
  });

  it('that require certificates are not served over HTTP without TLS, nor without an authority', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'llm-iot-tls-'));
    try {
      const authority = openCertificateAuthority(dataDir);
      await authority.init({ hosts: [], days: 5, force: false });
      const open = () =>
        openHubTls({
          settings: tlsSettingsFrom({ tlsMode: 'on', tlsClients: 'required' }, {}, dataDir),
          hasDevice: () => false,
          audit: createAuditTrail({ clock: systemClock, log }),
          ...{ clock: systemClock, log },
        });
      const tls = await open();
      assert.throws(() => tls.attach(createServer(), false), /HTTP without TLS/);
      assert.deepEqual(tls.problems(), ['the certificate of the hub expires in 4 days']);
      tls.close();
      for (const file of ['ca.crt', 'crl.pem']) await rm(join(dataDir, 'tls', file));
      await assert.rejects(open(), /no authority to trust/);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
