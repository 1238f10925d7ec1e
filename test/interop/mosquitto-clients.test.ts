import assert from 'node:assert/strict';
import type { InboundMessage } from '../../nodes/core/topic/ports.ts';
import { startTestBroker, type TestBroker } from '../support/mqtt-hub.ts';
import { requireTool } from '../support/require-tool.ts';
import { runTool, type RunningTool } from '../support/run-tool.ts';
import { until } from '../support/until.ts';

const telemetry = 'llm-iot/devices/mcu-1/telemetry';
const status = 'llm-iot/devices/mcu-1/status';
const notices = 'llm-iot/devices/mcu-1/notice';

describe('mosquitto_pub and mosquitto_sub with the embedded broker', () => {
  let broker: TestBroker;
  let messages: InboundMessage[];
  const tools: RunningTool[] = [];

  before(function () {
    requireTool(this, 'mosquitto_pub', 'mosquitto-clients');
  });
  beforeEach(async () => {
    broker = await startTestBroker();
    messages = [];
    broker.link.onMessage((message) => {
      messages.push(message);
      message.settle();
    });
  });
  afterEach(async () => {
    for (const tool of tools.splice(0)) await tool.kill();
    await broker.link.close();
  });

  const run = (name: string, version: string, user: string, args: string[]): RunningTool => {
    const login = ['-h', '127.0.0.1', '-p', String(broker.port), '-u', user, '-P', user];
    const tool = runTool(name, [...login, '-V', version, ...args]);
    tools.push(tool);
    return tool;
  };
  const clients = (count: number): Promise<unknown> =>
    until(`${count} clients`, () => broker.link.stats().clients === count);

  for (const version of ['mqttv311', 'mqttv5']) {
    for (const qos of ['0', '1', '2']) {
      it(`exchanges QoS ${qos} messages (${version})`, async () => {
        await run('mosquitto_pub', version, 'mcu-1', [
          '-t',
          telemetry,
          '-m',
          'up',
          '-q',
          qos,
        ]).done();
        const up = await until('the message', () => messages[0]);
        assert.equal(Buffer.from(up.payload).toString(), 'up');
        assert.equal(up.qos, Number(qos));

        const sub = run('mosquitto_sub', version, 'mcu-1', [
          '-t',
          notices,
          '-q',
          qos,
          '-C',
          '1',
          '-d',
        ]);
        await until('it is subscribed', () => sub.output().includes('Subscribed'));
        await broker.link.publish(notices, 'down', { qos: Number(qos) as 0 | 1 | 2 });
        assert.match(await sub.done(), /^down$/m);
      });
    }

    it(`gets a retained status (${version})`, async () => {
      await run('mosquitto_pub', version, 'mcu-1', [
        '-t',
        status,
        '-m',
        'up',
        '-r',
        '-q',
        '1',
      ]).done();
      const sub = run('mosquitto_sub', version, 'mcu-1', ['-t', status, '-C', '1', '-F', '%r %p']);
      assert.equal((await sub.done()).trim(), '1 up');
    });

    it(`has its will published when it dies (${version})`, async () => {
      const sub = run('mosquitto_sub', version, 'mcu-1', [
        ...['-t', notices, '-d', '-k', '30'],
        ...['--will-topic', status, '--will-payload', 'gone', '--will-qos', '1', '--will-retain'],
      ]);
      await until('it is subscribed', () => sub.output().includes('Subscribed'));
      await sub.kill();
      const will = await until('the will', () => messages[0]);
      assert.equal(will.will, true);
      assert.equal(Buffer.from(will.payload).toString(), 'gone');
      const late = run('mosquitto_sub', version, 'mcu-1', ['-t', status, '-C', '1']);
      assert.equal((await late.done()).trim(), 'gone');
    });

    it(`finds the commands of its absence in its session (${version})`, async () => {
      const session = ['-i', 'mcu-1', '-c', '-q', '1', '-t', notices];
      if (version === 'mqttv5') session.push('-x', '600');
      await run('mosquitto_sub', version, 'mcu-1', [...session, '-E']).done();
      await clients(0);
      await broker.link.publish(notices, 'first', { qos: 1 });
      await broker.link.publish(notices, 'second', { qos: 1 });
      const back = run('mosquitto_sub', version, 'mcu-1', [...session, '-C', '2']);
      assert.equal(await back.done(), 'first\nsecond\n');
    });

    it(`is told that it may not connect or subscribe (${version})`, async () => {
      const stranger = run('mosquitto_pub', version, 'nobody', ['-t', telemetry, '-m', 'x']);
      await assert.rejects(stranger.done(), /ended with/);
      const curious = run('mosquitto_sub', version, 'mcu-1', ['-t', '#', '-C', '1', '-W', '5']);
      await until('the refusal', () => /denied/i.test(curious.errors()));
    });
  }

  it('asks and gets its answer by response topic and correlation data (mqttv5)', async () => {
    const responseTopic = 'llm-iot/discovery/response/esp32';
    const sub = run('mosquitto_sub', 'mqttv5', 'register', [
      ...['-i', 'esp32', '-t', responseTopic, '-C', '1', '-d', '-F', '%D %p'],
    ]);
    await until('it is subscribed', () => sub.output().includes('Subscribed'));
    broker.link.onMessage((message) => {
      void broker.link.publish(message.responseTopic ?? 'none', 'answer', {
        qos: 1,
        ...(message.correlationData && { correlationData: message.correlationData }),
      });
    });
    const property = ['-D', 'publish'];
    await run('mosquitto_pub', 'mqttv5', 'admin', [
      ...['-t', 'llm-iot/discovery/announce', '-m', '{}', '-q', '1'],
      ...[...property, 'response-topic', responseTopic],
      ...[...property, 'correlation-data', 'call-1'],
    ]).done();
    assert.match(await sub.done(), /correlation-data:call-1 answer|call-1.* answer/);
  });
});
