// How fast the telemetry store takes readings and answers a day's question about one device.
//   node bench/telemetry-store.mjs [rows]     default 10,000,000, of 100 devices with two measurements each
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const day = 86_400_000;
const measurements = ['temperature', 'humidity'];
const firstTime = Date.UTC(2025, 0, 1);

/**
 * @param options `rows`, `devices`, `stepMs` between two readings of a series, `batch` readings of one write,
 *   `inFlight` writes at a time, `queries` of each kind, `log` is told about progress
 * @returns {Promise<{ name: string, results: { measure: string, value: string }[] }>}
 */
export async function run(options = {}) {
  const {
    rows = 10_000_000,
    devices = 100,
    stepMs = 10_000,
    batch = 500,
    inFlight = 20,
    queries = 100,
    log = () => {},
  } = options;
  const { createSqliteTelemetryStore } =
    await import('../dist/adapters/storage/sqlite/sqlite-telemetry-store.js');
  const folder = mkdtempSync(join(tmpdir(), 'bench-telemetry-'));
  const file = join(folder, 'telemetry.db');
  let store = await createSqliteTelemetryStore({ file });
  try {
    const perSeries = Math.ceil(rows / (devices * measurements.length));
    const end = firstTime + perSeries * stepMs;
    const writing = await fill(store, { rows, devices, stepMs, batch, inFlight, log });

    await store.close();
    const beforeOpen = performance.now();
    store = await createSqliteTelemetryStore({ file });
    const opening = performance.now() - beforeOpen;
    const { readings } = await store.health();

    const asked = { store, devices, end, queries };
    const hourly = await ask(asked, { aggregation: 'avg', interval: '1h' });
    const median = await ask(asked, { aggregation: 'median', interval: '1h' });
    const raw = await ask(asked, { limit: 100_000 });
    const local = await ask(asked, {
      aggregation: 'avg',
      interval: '1h',
      time_zone: 'Europe/Brussels',
    });
    const busy = await askWhileWriting(asked, { stepMs, batch, inFlight });
    return {
      name: `Telemetry store, ${readings.toLocaleString('en')} readings of ${devices} devices`,
      results: [
        { measure: 'readings written per second', value: writing.rate.toLocaleString('en') },
        {
          measure: `write of ${batch} readings, ${inFlight} in flight`,
          value: times(writing.times),
        },
        { measure: '24 h of one device, avg per 1h', value: answer(hourly) },
        { measure: '24 h of one device, avg per 1h in Europe/Brussels', value: answer(local) },
        { measure: '24 h of one device, median per 1h', value: answer(median) },
        { measure: '24 h of one device, raw', value: answer(raw) },
        { measure: '24 h of one device, avg per 1h, while writing', value: answer(busy) },
        { measure: 'opening the file', value: `${opening.toFixed(0)} ms` },
        { measure: 'resident memory', value: `${megabytes(process.memoryUsage.rss())} MB` },
        { measure: 'file size', value: `${megabytes(statSync(file).size)} MB` },
      ],
    };
  } finally {
    await store.close();
    rmSync(folder, { recursive: true });
  }
}

/** The readings of all series step by step, as they would come in. */
function* batches({ rows, devices, stepMs, batch, from = 0 }) {
  const series = devices * measurements.length;
  let readings = [];
  for (let row = from; row < from + rows; row++) {
    const position = row % series;
    readings.push({
      device_id: `device-${Math.floor(position / measurements.length)}`,
      measurement_type: measurements[position % measurements.length],
      unit: 'unit',
      quality: 'good',
      timestamp: firstTime + Math.floor(row / series) * stepMs,
      value: 20 + Math.sin(row / 1000) * 5 + (row % 7) / 10,
    });
    if (readings.length === batch) {
      yield readings;
      readings = [];
    }
  }
  if (readings.length > 0) yield readings;
}

async function fill(store, options) {
  const { rows, inFlight, log } = options;
  const source = batches(options);
  const taken = [];
  let written = 0;
  const start = performance.now();
  const writer = async () => {
    for (const readings of source) {
      const before = performance.now();
      await store.write(readings);
      taken.push(performance.now() - before);
      const tenth = Math.floor((written * 10) / rows);
      written += readings.length;
      if (Math.floor((written * 10) / rows) > tenth) log(`${written.toLocaleString('en')} written`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, writer));
  return { rate: Math.round(written / ((performance.now() - start) / 1000)), times: taken };
}

async function ask({ store, devices, end, queries }, question) {
  const taken = [];
  let points = 0;
  for (let i = 0; i < queries; i++) {
    // Days all over the time there is, one device after the other.
    const room = Math.max(0, end - firstTime - day);
    const start = firstTime + Math.floor((room * i) / queries);
    const before = performance.now();
    const { series } = await store.query({
      device_ids: [`device-${i % devices}`],
      start,
      end: start + day,
      limit: 10_000,
      ...question,
    });
    taken.push(performance.now() - before);
    points = series.reduce((sum, one) => sum + one.points.length, 0);
  }
  return { times: taken, points };
}

async function askWhileWriting(asked, writing) {
  const { store, devices } = asked;
  let done = false;
  // Beyond what is there already, so that these readings are new ones.
  const from = Math.ceil((asked.end - firstTime) / writing.stepMs) * devices * measurements.length;
  const source = batches({ rows: Infinity, devices, from, ...writing });
  const writer = async () => {
    for (const readings of source) {
      if (done) return;
      await store.write(readings);
    }
  };
  const writers = Promise.all(Array.from({ length: writing.inFlight }, writer));
  const result = await ask(asked, { aggregation: 'avg', interval: '1h' });
  done = true;
  await writers;
  return result;
}

const megabytes = (bytes) => Math.round(bytes / 1e6).toLocaleString('en');

function times(taken) {
  const sorted = taken.toSorted((a, b) => a - b);
  const at = (share) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))].toFixed(1);
  return `median ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}

const answer = ({ times: taken, points }) =>
  `${times(taken)} (${points.toLocaleString('en')} points)`;

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const rows = Number(process.argv[2] ?? 10_000_000);
  const { name, results } = await run({ rows, log: (text) => console.error(text) });
  const [cpu] = cpus();
  console.log(`### ${name}\n`);
  console.log(
    `Node ${process.version}, ${process.platform} ${process.arch}, ` +
      `${cpus().length} × ${cpu.model.trim()}, ${megabytes(totalmem())} MB\n`,
  );
  console.log('| measure | value |\n|---|---|');
  for (const { measure, value } of results) console.log(`| ${measure} | ${value} |`);
}
