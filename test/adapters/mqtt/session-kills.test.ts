import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../support/free-port.ts';
import { startBrokerProcess } from '../../support/mqtt-broker-process.ts';
import { killSessionsAtRandom } from '../../support/session-kills.ts';

describe('MQTT sessions over random kills', function () {
  this.timeout(180_000);

  it('loses nothing acknowledged, and delivers QoS 2 once', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mqtt-sessions-'));
    try {
      const port = await freePort();
      const file = join(folder, 'mqtt.db');
      const login = (name: string) => ({ username: name, password: name, id: name });
      const kills = Number(process.env['SESSION_KILLS'] ?? 5);
      const outcome = await killSessionsAtRandom({
        url: `mqtt://127.0.0.1:${port}`,
        start: () => startBrokerProcess({ file, port, limits: { maxQueuedMessages: 100_000 } }),
        kills,
        admin: login('admin'),
        devices: [login('mcu-1'), login('mcu-2')],
      });
      const { acknowledged, wills, ...losses } = outcome;
      assert.deepEqual(losses, {
        kills,
        lost: { qos2: 0, qos1: 0, away: 0 },
        twice: 0,
        outdated: 0,
      });
      assert.ok(acknowledged >= kills * 5, `${acknowledged} acknowledged`);
      assert.ok(wills >= kills, `${wills} wills`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
