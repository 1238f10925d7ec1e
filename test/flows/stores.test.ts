import assert from 'node:assert/strict';
import {
  ask,
  call,
  deploy,
  esp32,
  eventually,
  getFlow,
  joinDevice,
  temperature,
  type TestDevice,
} from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import { startInfluxd, type Influxd } from '../support/influxd.ts';
import { organization, startInflux2Server } from '../support/influx2-server/influx2-server.ts';
import { startInflux3Server } from '../support/influx3-server/influx3-server.ts';
import { startPostgresServer } from '../support/postgres-server.ts';

/** What a store node says of a database, and how to get rid of the database. */
interface Place {
  form: Record<string, string>;
  secrets: Record<string, string>;
  stop: () => Promise<void>;
}

const hour = 3_600_000;
const noon = Date.UTC(2026, 5, 1, 12);
const values = [20, 21.5, 23, 19.25];

describe('the stores a hub can have', function () {
  this.timeout(60_000);
  let hub: RunningHub;
  let storeId: string;
  const places: Record<string, Place> = {};
  let influxd: Influxd;

  before(async function () {
    influxd = await startInfluxd(this, { admin: { username: 'hub', password: 'it’s "secret"' } });
    const postgres = await startPostgresServer(this);
    const [influx2, influx3] = [await startInflux2Server(), await startInflux3Server()];
    Object.assign(places, {
      influxdb1: {
        form: { kind: 'influxdb1', url: influxd.url, database: 'house', username: 'hub' },
        secrets: { password: 'it’s "secret"' },
        stop: () => influxd.stop(),
      },
      influxdb2: {
        form: { kind: 'influxdb2', url: influx2.url, organization, bucket: 'house' },
        secrets: { token: 'all' },
        stop: () => influx2.close(),
      },
      influxdb3: {
        form: { kind: 'influxdb3', url: influx3.url, database: 'house' },
        secrets: { token: 'all' },
        stop: () => influx3.close(),
      },
      postgresql: {
        form: {
          kind: 'postgresql',
          url: postgres.url,
          database: 'house',
          username: postgres.username,
        },
        secrets: { password: postgres.password },
        stop: () => postgres.stop(),
      },
    });
    hub = await startHub();
    storeId = (await getFlow(hub)).find(({ type }) => type === 'llm-iot-store')!.id;
  });
  after(async () => {
    const started = hub as RunningHub | undefined;
    await started?.stop();
    await started?.cleanUp();
    await Promise.all(Object.values(places).map(({ stop }) => stop()));
  });

  /** Changes the one store node of the shipped flow, and nothing else. */
  const use = async (form: object, secrets: object): Promise<void> => {
    const flow = await getFlow(hub);
    const store = flow.find(({ id }) => id === storeId) ?? assert.fail();
    Object.assign(store, form, { credentials: secrets });
    await deploy(hub, flow);
    // Not `hub.health`: that is down while the database is away.
    await eventually('the hub runs with this store', async () => {
      const answer = await call(hub, 'hub.info').catch(() => undefined);
      return answer?.result?.telemetry.store.spool !== undefined;
    });
  };
  const test = async (form: object, secrets: object): Promise<{ ok: boolean; detail: string }> => {
    const response = await fetch(`${hub.url}/llm-iot/store/test`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: storeId, form, secrets }),
    });
    return (await response.json()) as { ok: boolean; detail: string };
  };
  const storeState = async () => (await ask(hub, 'hub.info')).telemetry.store;
  const tell = async (device: TestDevice): Promise<void> => {
    for (const [index, value] of values.entries()) {
      const timestamp = new Date(noon + index * hour).toISOString();
      await device.publish('telemetry', temperature(value, { timestamp }));
    }
  };
  const question = (device: TestDevice, more: object = {}) =>
    ask(hub, 'data.query', {
      device_ids: [device.id],
      time_range: { start: noon, end: noon + 24 * hour },
      ...more,
    });
  const pointsOf = (answer: { series: { points: { value: unknown }[] }[] }): unknown[] =>
    answer.series.flatMap(({ points }) => points.map(({ value }) => value));

  for (const kind of ['influxdb1', 'influxdb2', 'influxdb3', 'postgresql'])
    it(`${kind}: the flow, with nothing changed but the store, stores and answers the same`, async () => {
      const { form, secrets } = places[kind]!;
      const tried = await test(form, secrets);
      assert.ok(tried.ok, tried.detail);
      await use(form, secrets);
      const device = await joinDevice(hub, esp32(`store-${kind}`));
      await tell(device);
      assert.deepEqual(pointsOf(await question(device)), values);
      const daily = await question(device, { aggregation: 'avg', interval: '1d' });
      assert.deepEqual(pointsOf(daily), [20.9375]);
      const { readings } = await ask(hub, 'telemetry.latest', { device_id: device.id });
      assert.equal(readings[0].value, 19.25);
      const state = await storeState();
      assert.equal(state.ok, true);
      assert.equal(state.spool.readings, 0);
      const status = await fetch(`${hub.url}/llm-iot/store/status/${storeId}`);
      assert.deepEqual(await status.json(), { ok: true, detail: state.detail });
      await device.end();
    });

  it('a connection test says what is wrong: address, password, a name that is missing', async () => {
    const { form, secrets } = places['influxdb1']!;
    for (const [wrong, wrongSecrets, reason] of [
      [{ ...form, url: 'http://127.0.0.1:1' }, secrets, /127\.0\.0\.1:1/],
      [{ ...form, url: 'nowhere' }, secrets, /no address/],
      [form, { password: 'wrong' }, /user name|password/i],
      [{ ...form, database: '' }, secrets, /name of the InfluxDB database is missing/],
      [{ ...form, kind: 'oracle' }, secrets, /no kind of store/],
    ] as const) {
      const { ok, detail } = await test(wrong, wrongSecrets);
      assert.equal(ok, false, JSON.stringify(wrong));
      assert.match(detail, reason);
      assert.doesNotMatch(detail, /secret/);
    }
  });

  it('while InfluxDB is away readings are acknowledged, wait on disk over a restart of the hub, and arrive', async () => {
    const { form, secrets } = places['influxdb1']!;
    await use(form, secrets);
    const device = await joinDevice(hub, esp32('store-away'));
    await device.publish('telemetry', temperature(18, { timestamp: noon - hour }));
    await influxd.kill();
    await tell(device);
    const away = await storeState();
    assert.equal(away.ok, false);
    assert.equal(away.spool.readings, values.length);
    assert.ok(away.spool.bytes > 0);
    await device.end();
    await hub.stop();
    const { dataDir } = hub;
    hub = await startHub({ dataDir });
    await use(form, secrets);
    assert.equal((await storeState()).spool.readings, values.length);
    await influxd.restart();
    await eventually('what waited has arrived', async () => {
      const { ok, spool } = await storeState();
      return ok && spool.readings === 0;
    });
    assert.deepEqual(pointsOf(await question(device)), values);
  });
});
