import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, call, esp32 } from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import { requireTool } from '../support/require-tool.ts';

describe('a hub that demands attestation', function () {
  this.timeout(60_000);
  let hub: RunningHub | undefined;
  let keys: string;
  after(async () => {
    await hub?.stop();
    await hub?.cleanUp();
    await rm(keys, { recursive: true, force: true });
  });

  it('takes a device that signs as documented, by openssl, and refuses it without', async function () {
    requireTool(this, 'openssl', 'openssl');
    keys = await mkdtemp(join(tmpdir(), 'llm-iot-vendor-'));
    const [secret, open, text] = ['key.pem', 'public.pem', 'text'].map((name) =>
      join(keys, name),
    ) as [string, string, string];
    execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', secret]);
    execFileSync('openssl', ['pkey', '-in', secret, '-pubout', '-out', open]);
    const measurement = createHash('sha256').update('firmware 1.2.0').digest('hex');
    const dataDir = await mkdtemp(join(tmpdir(), 'llm-iot-hub-'));
    const policy = {
      keys: [{ key_id: 'acme-2026', public_key: await readFile(open, 'utf8') }],
      measurements: [{ measurement }],
      required_for: ['mcu'],
    };
    await writeFile(join(dataDir, 'attestation.json'), JSON.stringify(policy));
    hub = await startHub({ dataDir });

    const timestamp = new Date().toISOString();
    const nonce = randomBytes(16).toString('base64url');
    const lines = ['llm-iot-boot-v1', 'board-7', measurement, timestamp, nonce, 'acme-2026'];
    await writeFile(text, lines.join('\n'));
    const signature = execFileSync('openssl', [
      ...['pkeyutl', '-sign', '-rawin', '-inkey', secret, '-in', text],
    ]).toString('base64url');
    const attestation = {
      ...{
        format: 'llm-iot-boot-v1',
        measurement,
        timestamp,
        nonce,
        key_id: 'acme-2026',
        signature,
      },
    };
    const missing = await call(hub, 'device.register', esp32('board-7'), hub.registrationKey);
    assert.equal(missing.error?.code, -32005);
    assert.equal(missing.error.data.field, 'attestation');
    const params = { ...esp32('board-7'), attestation };
    const { device_id } = await ask(hub, 'device.register', params, hub.registrationKey);
    const device = await ask(hub, 'device.get', { device_id });
    assert.equal(device.attestation.attested, true);
    assert.equal(device.attestation.measurement, measurement);
    const again = { ...esp32('board-8'), attestation };
    const stolen = await call(hub, 'device.register', again, hub.registrationKey);
    assert.equal(stolen.error?.code, -32005);
  });
});
