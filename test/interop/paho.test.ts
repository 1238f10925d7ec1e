import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import type { InboundMessage } from '../../nodes/core/topic/ports.ts';
import { startTestBroker, type TestBroker } from '../support/mqtt-hub.ts';
import { requireTool } from '../support/require-tool.ts';
import { runTool } from '../support/run-tool.ts';
import { until } from '../support/until.ts';

// Debian's own Python: that is where python3-paho-mqtt lives.
const python = '/usr/bin/python3';
const script = fileURLToPath(new URL('paho_device.py', import.meta.url));

describe('Python paho-mqtt with the embedded broker', () => {
  let broker: TestBroker;
  let messages: InboundMessage[];

  before(async function () {
    requireTool(this, python, 'python3-paho-mqtt');
    await runTool(python, ['-c', 'import paho.mqtt.client'])
      .done()
      .catch(() => {
        requireTool(this, 'python3-paho-mqtt', 'python3-paho-mqtt');
      });
  });
  beforeEach(async () => {
    broker = await startTestBroker();
    messages = [];
    broker.link.onMessage((message) => {
      messages.push(message);
      message.settle();
    });
  });
  afterEach(() => broker.link.close());

  const play = async (scenario: string, version: string, user = 'mcu-1'): Promise<unknown[]> => {
    const output = await runTool(python, [
      script,
      scenario,
      String(broker.port),
      version,
      user,
    ]).done();
    return output
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as unknown);
  };

  for (const version of ['3.1.1', '5']) {
    it(`publishes and hears QoS 0, 1 and 2 (MQTT ${version})`, async () => {
      assert.deepEqual(
        await play('qos', version),
        [0, 1, 2].map((qos) => ({ payload: `qos ${qos}`, qos, retain: false })),
      );
      assert.deepEqual(
        messages.map(({ qos }) => qos),
        [0, 1, 2],
      );
    });

    it(`gets a retained message (MQTT ${version})`, async () => {
      assert.deepEqual(await play('retained', version), [{ payload: 'up', retain: true }]);
    });

    it(`has its will published when its connection breaks (MQTT ${version})`, async () => {
      await play('will', version);
      const will = await until('the will', () => messages[0]);
      assert.equal(will.will, true);
      assert.equal(Buffer.from(will.payload).toString(), 'gone');
    });

    it(`finds its session and the message that waited (MQTT ${version})`, async () => {
      assert.deepEqual(await play('session', version), [{ session: false }]);
      await until('it is gone', () => broker.link.stats().clients === 0);
      await broker.link.publish('llm-iot/devices/mcu-1/notice', 'wait', { qos: 1 });
      assert.deepEqual(await play('resume', version), [{ session: true, payload: 'wait' }]);
    });

    it(`announces itself and hears the answer (MQTT ${version})`, async () => {
      broker.link.onMessage((message) => {
        const topic =
          message.responseTopic ?? `llm-iot/discovery/response/${message.clientId ?? ''}`;
        void broker.link.publish(topic, 'welcome', {
          qos: 1,
          ...(message.correlationData && { correlationData: message.correlationData }),
        });
      });
      assert.deepEqual(await play('request', version, 'register'), [
        { payload: 'welcome', correlation: version === '5' ? 'call-1' : '' },
      ]);
    });
  }
});
