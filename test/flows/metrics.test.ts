import assert from 'node:assert/strict';
import { ask, esp32, joinDevice, temperature } from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';

describe('metrics of the running hub', function () {
  this.timeout(60_000);
  let hub: RunningHub;
  before(async () => {
    hub = await startHub();
  });
  after(async () => {
    await hub.stop();
    await hub.cleanUp();
  });
  const scrape = (key: string | undefined, method = 'GET'): Promise<Response> =>
    fetch(`${hub.url}/metrics`, {
      method,
      headers: key === undefined ? {} : { Authorization: `Bearer ${key}` },
    });
  const figures = async (): Promise<Map<string, number>> => {
    const response = await scrape(hub.adminKey);
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    const lines = (await response.text()).split('\n').filter((line) => line && line[0] !== '#');
    return new Map(
      lines.map((line) => {
        const at = line.lastIndexOf(' ');
        return [line.slice(0, at), Number(line.slice(at + 1))];
      }),
    );
  };

  it('are for those who may see the hub, and for nobody else', async () => {
    const device = await joinDevice(hub, esp32('metrics-1'));
    assert.equal((await scrape(undefined)).status, 401);
    assert.equal((await scrape('no-such-key')).status, 401);
    assert.equal((await scrape(hub.registrationKey)).status, 403);
    assert.equal((await scrape(device.key)).status, 403);
    assert.equal((await scrape(hub.adminKey, 'POST')).status, 405);
    await device.end();
  });

  it('hold the ledger of hub.info, number by number, and no device', async () => {
    const device = await joinDevice(hub, esp32('metrics-2'));
    await device.publish('telemetry', temperature(20));
    await device.publish('telemetry', temperature(21));
    await device.publish('telemetry', { measurement_type: 'temperature', value: 'warm' });
    const seen = await figures();
    const { telemetry } = await ask(hub, 'hub.info');
    const account = telemetry.readings.mqtt;
    assert.ok(account.stored >= 2);
    for (const field of ['received', 'stored', 'filtered'])
      assert.equal(seen.get(`llm_iot_readings_${field}_total{transport="mqtt"}`), account[field]);
    assert.equal(seen.get('llm_iot_readings_in_flight{transport="mqtt"}'), account.in_flight);
    for (const [cause, count] of Object.entries(account.rejected))
      assert.equal(
        seen.get(`llm_iot_readings_rejected_total{transport="mqtt",cause="${cause}"}`),
        count,
      );
    const ofMethod = { method: 'hub.info', transport: 'http', outcome: 'ok' };
    await ask(hub, 'hub.info');
    const now = await figures();
    const labels = Object.entries(ofMethod).map(([name, value]) => `${name}="${value}"`);
    assert.ok((now.get(`llm_iot_rpc_method_calls_total{${labels.join(',')}}`) ?? 0) >= 1);
    const buckets = `llm_iot_rpc_method_duration_seconds_bucket{method="hub.info",le="+Inf"}`;
    assert.ok((now.get(buckets) ?? 0) >= 1);
    assert.equal(seen.get('llm_iot_store_up'), 1);
    assert.ok((seen.get('process_resident_memory_bytes') ?? 0) > 10_000_000);
    assert.ok((seen.get('llm_iot_event_loop_delay_seconds{quantile="0.99"}') ?? -1) >= 0);
    const names = [...seen.keys()].join('\n');
    assert.ok(!names.includes(device.id), 'a device must not be a label');
    await device.end();
  });
});
