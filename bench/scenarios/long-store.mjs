// A hub that has stored readings for a year.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runApart } from '../apart.mjs';
import { against, count, createTimes, megabytes, time, timed, times } from '../figures.mjs';
import { registerDevices, withHub } from '../hub.mjs';
import { usage } from '../machine.mjs';
import { createRpcClient } from '../rpc-client.mjs';

const day = 86_400_000;
const stepMs = 10_000;
const aggregations = ['avg', 'min', 'max', 'sum', 'count', 'first', 'last', 'median', 'stddev'];

export const about =
  'Each device has measured every 10 s for a year; the readings were put into the file by the part of the store that ' +
  'writes it, without the hub around it. Then `data.query` over HTTP, from the call to its answer, one after the other ' +
  'and each for another device and another time.';

const sizes = {
  quick: { readings: 200_000, devices: 4, short: 5, long: 1 },
  full: { readings: 100_000_000, devices: 32, short: 100, long: 5 },
};

/**
 * @typedef {{ days: number, aggregation?: string, interval?: string, time_zone?: string }} Question
 *
 * What is asked, and the median in milliseconds that is wanted, if any.
 * @returns {[string, Question, number][]}
 */
function questions() {
  const daily = { days: 366, interval: '1d' };
  return [
    ['24 hours, avg of each hour', { days: 1, aggregation: 'avg', interval: '1h' }, 20],
    ['24 hours, median of each hour', { days: 1, aggregation: 'median', interval: '1h' }, 20],
    ['24 hours, raw', { days: 1 }, NaN],
    ['30 days, avg of each day', { days: 30, aggregation: 'avg', interval: '1d' }, 200],
    ['30 days, avg of each hour', { days: 30, aggregation: 'avg', interval: '1h' }, 200],
    ['30 days, median of each day', { days: 30, aggregation: 'median', interval: '1d' }, 200],
    ...aggregations.map((aggregation) => dailyOf(aggregation, { ...daily, aggregation })),
    dailyOf('avg', { ...daily, aggregation: 'avg', time_zone: 'Europe/Brussels' }),
    ['a year, avg as one figure', { days: 366, aggregation: 'avg' }, 200],
    ['a year, median as one figure', { days: 366, aggregation: 'median' }, 200],
  ];
}

/** @param {string} aggregation @param {Question} question @returns {[string, Question, number]} */
const dailyOf = (aggregation, question) => [
  `a year, ${aggregation} of each day${question.time_zone ? ` in ${question.time_zone}` : ''}`,
  question,
  200,
];

/** @param {import('../main.mjs').ScenarioOptions} options */
export async function run({ quick, log }) {
  const size = quick ? sizes.quick : sizes.full;
  const each = Math.ceil(size.readings / size.devices);
  const dataDir = await mkdtemp(join(tmpdir(), 'bench-long-store-'));
  const file = join(dataDir, 'telemetry.db');
  try {
    const devices = await withHub((hub) => registerDevices(hub, size.devices), { dataDir });
    const deviceIds = devices.map(({ id }) => id);
    const end = Date.now() - (Date.now() % stepMs);
    const start = end - each * stepMs;
    const { rate } = await runApart(
      'fill-store',
      { file, deviceIds, readings: each, start, stepMs },
      ({ written }) => log(`${count(written)} of ${count(size.readings)} readings written`),
    );
    const { size: bytes } = await stat(file);
    return await withHub(
      async (hub) => {
        const asked = { hub, deviceIds, start, end };
        const rows = [];
        for (const [measure, question, wanted] of questions()) {
          const asks = question.days > 30 ? size.long : size.short;
          rows.push(await ask({ ...asked, measure, question, wanted, asks, log }));
        }
        return {
          name: `${count(each * size.devices)} readings of ${count(size.devices)} devices`,
          results: [
            ...rows,
            { measure: 'from the start of the process to ready', value: time(hub.startMs) },
            {
              measure: 'resident memory of the hub, most',
              value: megabytes(usage(hub.pid).peakRss),
            },
            {
              measure: 'size of the file, for a reading',
              value: `${megabytes(bytes)}, ${(bytes / each / size.devices).toFixed(1)} bytes`,
            },
            { measure: 'readings put into the file a second', value: count(rate) },
          ],
        };
      },
      { dataDir },
    );
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/**
 * Asks the same of all devices in turn, of times all over the year.
 * @param {{ hub: import('../hub.mjs').Hub, deviceIds: string[], start: number, end: number, measure: string,
 *   question: Question, wanted: number, asks: number, log: (text: string) => void }} options `wanted` is the median in
 *   milliseconds that is hoped for
 * @returns {Promise<import('../report/report.mjs').Row>}
 */
async function ask({ hub, deviceIds, start, end, measure, question, wanted, asks, log }) {
  log(measure);
  const { days, ...how } = question;
  const client = createRpcClient(hub.url, hub.adminKey);
  const taken = createTimes();
  let points = 0;
  for (let i = 0; i < asks; i++) {
    const from = start + Math.floor((Math.max(0, end - start - days * day) * i) / asks);
    const params = {
      device_ids: [deviceIds[(i * 7) % deviceIds.length]],
      time_range: {
        start: new Date(from).toISOString(),
        end: new Date(from + days * day).toISOString(),
      },
      ...how,
    };
    taken.add(
      await timed(async () => {
        const { series } = await client.call('data.query', params);
        points = series[0].points.length;
      }),
    );
  }
  client.close();
  const figures = taken.figures();
  const { target, ...met } = against(figures.p50, '<', wanted, (ms) => `${ms} ms`);
  return {
    measure,
    value: `${times(figures)} (${count(points)} points)`,
    ...(!Number.isNaN(wanted) && { target: `median ${target}`, ...met }),
    figures,
  };
}
