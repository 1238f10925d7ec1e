// Ten minutes of what a full house is like: 10,000 messages a second, and people and LLMs who use the hub meanwhile.
import { setTimeout as pause } from 'node:timers/promises';
import { runApart, startApart } from '../apart.mjs';
import {
  against,
  count,
  megabytes,
  none,
  slope,
  time,
  timesToMax,
  withinP99,
} from '../figures.mjs';
import { httpPortOf, registerDevices, withHub } from '../hub.mjs';
import { micros } from './shared/ingest.mjs';
import { assertSame, countReadings, settledAccount } from '../ledger.mjs';
import { usage, watchUsage } from '../machine.mjs';
import { eventLoopDelay, readMetrics } from '../metrics.mjs';

export const about =
  'Devices report over MQTT (QoS 1) at a steady rate. Meanwhile, one after the other: commands over HTTP to devices ' +
  'that answer at once, readings that a WebSocket listens to, the hourly averages of 24 hours of one device (8,640 ' +
  'readings), and devices that register; at half-time a thousand more register in the same moment. Processor time is ' +
  'that of all threads of the hub, all of this included. The growth of memory is the slope of a straight line ' +
  'through the resident memory of each second of the second half.';

const day = 86_400_000;

const sizes = {
  quick: {
    ...{ runMs: 4_000, warmUpMs: 500, scrapeMs: 1_000, devices: 50, rate: 500, history: 500 },
    ...{ newcomers: 50, queryDevices: 2 },
    everyMs: { commands: 100, updates: 50, queries: 200, registrations: 100 },
  },
  full: {
    ...{ runMs: 600_000, warmUpMs: 15_000, scrapeMs: 30_000, devices: 1_000, rate: 10_000 },
    ...{ history: 8_640, newcomers: 1_000, queryDevices: 20 },
    everyMs: { commands: 100, updates: 50, queries: 500, registrations: 590 },
  },
};

/** @param {import('../main.mjs').ScenarioOptions} options */
export const run = ({ quick, log }) => {
  const size = quick ? sizes.quick : sizes.full;
  return withHub(async (hub) => {
    const { url, adminKey, registrationKey, mqttPort: port } = hub;
    const [devices, queryDevices, commandDevices, [liveDevice]] = [
      await registerDevices(hub, size.devices),
      await registerDevices(hub, size.queryDevices),
      await registerDevices(hub, 10),
      await registerDevices(hub, 1),
    ];
    log('24 hours of readings');
    const stepMs = day / size.history;
    await runApart('history', {
      port: httpPortOf(hub),
      devices: queryDevices,
      readings: size.history,
      stepMs,
    });
    const steady = startApart('steady', { port, devices, rate: size.rate });
    await steady.ready;
    const everyday = startApart('everyday', {
      ...{ url, adminKey, registrationKey, port, commandDevices, liveDevice, queryDevices },
      everyMs: size.everyMs,
    });
    await everyday.ready;
    await pause(size.warmUpMs);

    const begin = usage(hub.pid);
    const watch = watchUsage(hub.pid);
    const [delays, burst] = await Promise.all([
      watchDelays(hub, size, log),
      pause(size.runMs / 2).then(() =>
        runApart('register-http', {
          ...{ url, registrationKey, count: size.newcomers, atOnce: size.newcomers },
        }),
      ),
    ]);
    const end = usage(hub.pid);
    const series = watch.stop();
    const { times, published } = await everyday.stop();
    const steadily = await steady.stop();
    const sent = steadily.sent + published;
    const account = await settledAccount(hub, 'mqtt', sent);
    const http = await settledAccount(hub, 'http', historyOf(size));
    await hub.kill();
    assertSame(
      'readings in the file',
      account.stored + http.stored,
      await countReadings(hub.dataDir),
    );
    assertSame('acknowledged readings in the ledger', sent, account.stored);
    return {
      name: `Paced, ${count(size.rate)} messages a second of ${count(size.devices)} devices for ${duration(size.runMs)}`,
      results: rowsOf({ size, steadily, series, delays, times, burst, account, begin, end }),
      figures: { steadily, series, delays, times, burst: burst.times, account },
    };
  });
};

/** @param {number} ms */
const duration = (ms) => (ms < 60_000 ? `${ms / 1000} s` : `${ms / 60_000} min`);

/** What the load `history` writes, in whole requests. @param {typeof sizes.full} size */
const historyOf = ({ history, queryDevices }) => Math.ceil(history / 480) * 480 * queryDevices;

/**
 * @param {import('../hub.mjs').Hub} hub @param {typeof sizes.full} size @param {(text: string) => void} log
 * @returns {Promise<{ seconds: number[], ms: number[] }>}
 */
async function watchDelays(hub, { runMs, scrapeMs }, log) {
  const begin = performance.now();
  /** @type {{ seconds: number[], ms: number[] }} */
  const delays = { seconds: [], ms: [] };
  for (let next = scrapeMs; next <= runMs; next += scrapeMs) {
    await pause(Math.max(0, begin + next - performance.now()));
    const ms = eventLoopDelay(await readMetrics(hub));
    delays.seconds.push((performance.now() - begin) / 1000);
    delays.ms.push(ms);
    log(`${(next / 1000).toFixed(0)} of ${runMs / 1000} s, event-loop delay p99 ${time(ms)}`);
  }
  return delays;
}

/** @param {any} measured @returns {import('../report/report.mjs').Row[]} */
function rowsOf({ size, steadily, series, delays, times, burst, account, begin, end }) {
  const seconds = size.runMs / 1000;
  const cpu = (end.cpuMs - begin.cpuMs) / size.runMs;
  const half = series.seconds.length >> 1;
  const perMinute = slope(series.seconds.slice(half), series.rss.slice(half)) * 60;
  const worst = Math.max(...delays.ms);
  const percent = (/** @type {number} */ one) => `${(one * 100).toFixed(0)} %`;
  const mb = (/** @type {number} */ one) => `${(one / 1e6).toFixed(1)} MB`;
  const p99 = (/** @type {any} */ figures, /** @type {number} */ wanted) => ({
    value: timesToMax(figures),
    ...withinP99(figures, wanted),
    figures,
  });
  return [
    {
      measure: 'messages a second, all acknowledged',
      value: count(steadily.rate),
      ...against(Math.round(steadily.rate), '>=', Math.floor(size.rate * 0.99), () =>
        count(size.rate),
      ),
    },
    { measure: 'time to acknowledgement', value: timesToMax(steadily.times) },
    { measure: 'acknowledgements out of order', ...none(steadily.outOfOrder) },
    {
      measure: 'processor time of the hub, share of one core',
      value: percent(cpu),
      ...against(cpu, '<=', 0.6, percent),
    },
    {
      measure: 'the same for a message',
      value: micros(((end.cpuMs - begin.cpuMs) * 1000) / (seconds * size.rate)),
    },
    {
      measure: 'its main thread waited for a processor, share of the time',
      value: percent((end.mainWaitMs - begin.mainWaitMs) / size.runMs),
    },
    {
      measure: 'resident memory, begin, end, most',
      value: [begin.rss, end.rss, end.peakRss].map(megabytes).join(', '),
    },
    {
      measure: 'growth of resident memory a minute',
      value: mb(perMinute),
      ...against(perMinute, '<', 1e6, mb),
    },
    {
      measure: `event-loop delay p99, worst of ${delays.ms.length} times ${size.scrapeMs / 1000} s`,
      value: Number.isNaN(worst) ? 'the hub does not tell' : time(worst),
      ...against(worst, '<', 20, time),
    },
    { measure: 'command, from the call to its answer', ...p99(times.commands, 100) },
    { measure: 'WebSocket update, from the publish', ...p99(times.updates, 50) },
    { measure: 'query of 24 hours', ...p99(times.queries, 200) },
    {
      measure: `registration, ${count(times.registrations.count)} one by one`,
      ...p99(times.registrations, 500),
    },
    { measure: `registration, ${count(size.newcomers)} at once`, ...p99(burst.times, 500) },
    { measure: 'sent = acknowledged = stored by the ledger', value: count(account.stored) },
  ];
}
