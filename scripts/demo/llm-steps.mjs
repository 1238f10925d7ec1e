// The steps of the played LLM: what it asks, why, and what the answer must be.
import { expect } from './expect.mjs';
import { within } from './mqtt-connection.mjs';
import { RpcFailure } from './rpc-failure.mjs';
import { sparkline } from './terminal.mjs';

const dayMs = 86_400_000;
const invalidParams = -32602;

/**
 * @typedef {object} Scene
 * @property {import('./rpc-client.mjs').Call} call over HTTP
 * @property {import('./rpc-client.mjs').LiveClient} live over WebSocket
 * @property {import('./transcript.mjs').Transcript} transcript
 * @property {(key: string) => string} idOf the device id of one of the house's designs
 *
 * @typedef {{ name: string, why: string, run(scene: Scene): Promise<void> }} Step
 */

/** @type {readonly Step[]} */
export const steps = [
  {
    name: 'What can be asked?',
    why: 'rpc.methods lists every method with the schemas of its params and result: what an LLM needs for its tools.',
    async run({ call, transcript }) {
      const { methods } = await call('rpc.methods', undefined, { depth: 3, items: 2 });
      expect('the hub has methods', methods.length > 0);
      transcript.note(`${methods.length} methods`);
    },
  },
  {
    name: 'What is there?',
    why: 'The devices of the house, found by the label they registered with.',
    async run({ call, idOf }) {
      const { devices } = await call(
        'device.list',
        { labels: { demo: 'house' }, limit: 100 },
        { items: 2 },
      );
      const ids = devices.map((/** @type {any} */ device) => device.device_id);
      expect('the energy meter is listed', ids.includes(idOf('energy_meter')));
      const { sensors } = await call('sensor.list', { mcu_id: idOf('living_room') }, { depth: 4 });
      expect('the living room has its sensor', sensors.length > 0);
    },
  },
  {
    name: 'How warm was the living room?',
    why: 'Hourly averages of the last 24 hours; hours without a reading are left out, not invented.',
    async run({ call, idOf, transcript }) {
      const now = Date.now();
      const { series } = await call('data.query', {
        device_ids: [idOf('living_room')],
        measurement_types: ['temperature'],
        time_range: {
          start: new Date(now - dayMs).toISOString(),
          end: new Date(now).toISOString(),
        },
        aggregation: 'avg',
        interval: '1h',
      });
      /** @type {number[]} */
      const values = series.flatMap((/** @type {any} */ one) =>
        one.points.map((/** @type {any} */ point) => point.value),
      );
      expect('there are hourly averages', values.length > 0);
      const low = Math.min(...values).toFixed(1);
      const high = Math.max(...values).toFixed(1);
      transcript.note(`${sparkline(values)}  ${low} °C to ${high} °C`);
    },
  },
  {
    name: 'How is it outside now?',
    why: 'The latest value of each measurement; note the quality of the humidity, whose sensor is failing.',
    async run({ call, idOf }) {
      const { readings } = await call('telemetry.latest', { device_ids: [idOf('outside_north')] });
      expect('there are latest values', readings.length > 0);
    },
  },
  {
    name: 'Listen for a moment',
    why: 'A subscription over the WebSocket; updates come as they are stored.',
    async run({ live, transcript }) {
      const { subscription_id: subscriptionId } = await live.call('subscribe', {
        channels: ['device.*.telemetry'],
      });
      let seen = 0;
      await nextUpdate(live, 'a stream.update', (update) => {
        if (seen++ < 3) transcript.received(update, { items: 2 });
        return seen >= 10;
      });
      transcript.note(`… and ${seen - 3} more`);
      await live.call('unsubscribe', { subscription_id: subscriptionId });
    },
  },
  {
    name: 'Have the office report more often, and as before',
    why: 'The command goes to the device over MQTT; its answer says which configuration it applied.',
    async run({ call, idOf }) {
      for (const telemetry_interval of [5, 600]) {
        const { applied_config: config } = await call('device.execute', {
          device_id: idOf('office'),
          command: 'configure',
          arguments: { telemetry_interval },
        });
        expect('it says so', config?.telemetry_interval === telemetry_interval);
      }
    },
  },
  {
    name: 'Ask three rooms at once',
    why: 'A batch runs concurrently and answers for each device.',
    async run({ call, idOf }) {
      const { summary } = await call('device.batch_execute', {
        device_ids: ['kitchen', 'office', 'bathroom'].map(idOf),
        command: 'read_sensor',
        arguments: { sensor_type: 'temperature' },
      });
      expect('all three answered', summary.success === 3);
    },
  },
  {
    name: 'A mistake, on purpose',
    why: 'The load takes true or false, not "off". The answer says what to change, so that a model can correct itself.',
    async run({ call, idOf, transcript }) {
      const params = {
        device_id: idOf('energy_meter'),
        command: 'set_load',
        arguments: { on: 'off' },
      };
      const failure = await call('device.execute', params).catch((error) => error);
      expect(
        'the hub refuses with -32602',
        failure instanceof RpcFailure && failure.code === invalidParams,
      );
      transcript.note(`The reason in words: ${failure.error.data?.reason}`);
    },
  },
];

/**
 * Waits for an update that satisfies.
 * @param {import('./rpc-client.mjs').LiveClient} live @param {string} what @param {(update: any) => boolean} satisfies
 */
async function nextUpdate(live, what, satisfies) {
  let stop = () => {};
  const found = new Promise((resolve, reject) => {
    stop = live.onUpdate((update) => {
      try {
        if (satisfies(update)) resolve(undefined);
      } catch (error) {
        reject(error);
      }
    });
  });
  await within(found, `waited in vain for ${what}`).finally(() => stop());
}
