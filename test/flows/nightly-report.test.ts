import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import {
  ask,
  deploy,
  esp32,
  eventually,
  getFlow,
  joinDevice,
  press,
  temperature,
  type FlowNode,
} from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';

const root = join(import.meta.dirname, '..', '..');
const example = JSON.parse(
  readFileSync(join(root, 'examples', '41-nightly-report.json'), 'utf8'),
) as FlowNode[];

describe('the example that reports every night', () => {
  let hub: RunningHub;
  let deviceId: string;
  before(async () => {
    hub = await startHub();
    const device = await joinDevice(hub, esp32('report-1'));
    deviceId = device.id;
    // Of now, whatever the time of the day: also a minute after midnight these are of today.
    const now = Date.now();
    const live_readings = [20, 21, 25.5].map((value, index) =>
      temperature(value, { timestamp: new Date(now - index).toISOString() }),
    );
    await ask(hub, 'telemetry.update', { device_id: device.id, data: { live_readings } });
    await device.end();
  });
  after(async () => {
    await hub.stop();
    await hub.cleanUp();
  });

  it('has the average, the least and the most of what was stored today', async () => {
    const added = example.filter(
      ({ type }) => !['llm-iot-hub', 'llm-iot-broker', 'llm-iot-store'].includes(type),
    );
    await deploy(hub, [...(await getFlow(hub)), ...added], 'nodes');
    const sidebar = new WebSocket(`${hub.url.replace('http', 'ws')}/comms`);
    const said: string[] = [];
    sidebar.on('message', (data: Buffer) => said.push(data.toString()));
    await new Promise((resolve) => sidebar.once('open', resolve));
    sidebar.send(JSON.stringify({ subscribe: 'debug' }));
    const inject = added.find(({ type }) => type === 'inject')!;
    await press(hub, inject.id);
    const report = await eventually('the report', () =>
      Promise.resolve(said.find((text) => text.includes('Report of'))),
    );
    sidebar.close();
    assert.match(report, new RegExp(`${deviceId} temperature: 22\\.2 celsius on average`));
    assert.match(report, /20 to 25\.5, 3 readings/);
    // The device has gone without a word.
    assert.match(report, /No alarm is open|Open alarms: /);
  });
});
