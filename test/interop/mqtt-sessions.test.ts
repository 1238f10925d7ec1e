import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startBrokerProcess, type BrokerProcess } from '../support/mqtt-broker-process.ts';
import { requireTool } from '../support/require-tool.ts';
import { runTool, type RunningTool } from '../support/run-tool.ts';
import { until } from '../support/until.ts';

// Debian's own Python: that is where python3-paho-mqtt lives.
const python = '/usr/bin/python3';
const device = fileURLToPath(new URL('paho_device.py', import.meta.url));
const notices = 'llm-iot/devices/mcu-1/notice';
const status = 'llm-iot/devices/mcu-1/status';

describe('sessions of mosquitto_sub, mosquitto_pub and paho-mqtt over kill -9 of the embedded broker', function () {
  this.timeout(60_000);
  let folder: string;
  let broker: BrokerProcess;
  const tools: RunningTool[] = [];

  before(async function () {
    requireTool(this, 'mosquitto_pub', 'mosquitto-clients');
    requireTool(this, python, 'python3-paho-mqtt');
    await runTool(python, ['-c', 'import paho.mqtt.client'])
      .done()
      .catch(() => {
        requireTool(this, 'python3-paho-mqtt', 'python3-paho-mqtt');
      });
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mqtt-sessions-'));
    await start();
  });
  afterEach(async () => {
    for (const tool of tools.splice(0)) await tool.kill();
    await broker.kill();
    await rm(folder, { recursive: true, force: true });
  });

  const start = async (): Promise<void> => {
    const limits = { willGraceMs: 50 };
    broker = await startBrokerProcess({ file: join(folder, 'mqtt.db'), limits });
  };
  const restart = async (): Promise<void> => {
    await broker.kill();
    await start();
  };
  const run = (name: string, version: string, user: string, args: string[]): RunningTool => {
    const login = ['-h', '127.0.0.1', '-p', String(broker.port), '-u', user, '-P', user];
    const tool = runTool(name, [...login, '-V', version, ...args]);
    tools.push(tool);
    return tool;
  };

  for (const version of ['mqttv311', 'mqttv5']) {
    it(`mosquitto_sub finds what was queued with QoS 1 and 2, and what was retained (${version})`, async () => {
      const session = ['-i', 'sub', '-c', ...(version === 'mqttv5' ? ['-x', '3600'] : [])];
      const subscription = [...session, '-t', notices, '-q', '2'];
      await run('mosquitto_sub', version, 'mcu-1', [...subscription, '-E']).done();
      for (const qos of ['1', '2']) {
        const message = ['-t', notices, '-m', `do ${qos}`, '-q', qos];
        await run('mosquitto_pub', version, 'admin', message).done();
      }
      const retained = ['-t', status, '-m', 'up', '-r', '-q', '1'];
      await run('mosquitto_pub', version, 'mcu-1', retained).done();
      await restart();
      const back = run('mosquitto_sub', version, 'mcu-1', [...subscription, '-C', '2']);
      assert.equal(await back.done(), 'do 1\ndo 2\n');
      const reader = ['-t', status, '-C', '1', '-F', '%r %p'];
      assert.equal(await run('mosquitto_sub', version, 'admin', reader).done(), '1 up\n');
      await restart();
      await run('mosquitto_pub', version, 'admin', ['-t', notices, '-m', 'last', '-q', '1']).done();
      const again = run('mosquitto_sub', version, 'mcu-1', [...subscription, '-C', '1']);
      assert.equal(await again.done(), 'last\n');
    });

    it(`mosquitto_sub has its will published when the broker died under it (${version})`, async () => {
      const sub = run('mosquitto_sub', version, 'mcu-1', [
        ...['-t', notices, '-d'],
        ...['--will-topic', status, '--will-payload', 'gone', '--will-qos', '1', '--will-retain'],
      ]);
      await until('it is subscribed', () => sub.output().includes('Subscribed'));
      await broker.kill();
      await sub.kill();
      await start();
      await until('the will', () => broker.messages.some(({ will }) => will));
      const reader = run('mosquitto_sub', version, 'admin', ['-t', status, '-C', '1']);
      assert.equal(await reader.done(), 'gone\n');
    });
  }

  for (const version of ['3.1.1', '5']) {
    it(`paho-mqtt finds its session and the message that waited (MQTT ${version})`, async () => {
      const play = async (scenario: string): Promise<unknown> => {
        const args = [device, scenario, String(broker.port), version, 'mcu-1'];
        return JSON.parse(await runTool(python, args).done()) as unknown;
      };
      assert.deepEqual(await play('session'), { session: false });
      await run('mosquitto_pub', 'mqttv5', 'admin', [
        '-t',
        notices,
        '-m',
        'wait',
        '-q',
        '1',
      ]).done();
      await restart();
      assert.deepEqual(await play('resume'), { session: true, payload: 'wait' });
    });
  }
});
