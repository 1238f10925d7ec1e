// Years of readings, put into a telemetry database by the part of the store that writes its file.
import { tellProgress } from '../load.mjs';

const perCommit = 250_000;

/**
 * One series for each device, one after the other.
 * @param {{ file: string, deviceIds: string[], readings: number, start: number, stepMs: number }} options `readings` of
 *   each device, the first at `start` (ms since the epoch); the file may not be in use
 * @returns {Promise<{ rate: number }>} readings written a second
 */
export async function run({ file, deviceIds, readings, start, stepMs }) {
  const { openTelemetryFile } =
    await import('../../dist/adapters/storage/sqlite/open-telemetry-file.js');
  const { file: telemetry } = openTelemetryFile({ file });
  let { nextId } = telemetry.loaded;
  const begin = performance.now();
  let written = 0;
  for (const device_id of deviceIds) {
    const id = nextId++;
    let series = [
      {
        ...{ id, device_id, sensor_id: '', measurement_type: 'temperature' },
        ...{ unit: 'celsius', value_type: 'number' },
      },
    ];
    for (let first = 0; first < readings; first += perCommit) {
      const length = Math.min(perCommit, readings - first);
      const packed = columns(length);
      packed.series.fill(id);
      for (let i = 0; i < length; i++) {
        const at = first + i;
        packed.timestamp[i] = start + at * stepMs;
        // A day goes up and down, with some noise.
        const hour = ((at * stepMs) % 86_400_000) / 3_600_000;
        packed.number[i] =
          Math.round((20 + 5 * Math.sin((hour * Math.PI) / 12)) * 10 + (at % 7)) / 10;
      }
      telemetry.commit({ series, readings: packed });
      while (telemetry.move(perCommit));
      series = [];
      written += length;
      tellProgress({ written });
    }
    while (telemetry.rollUp(1_000));
  }
  const rate = (written * 1000) / (performance.now() - begin);
  telemetry.close();
  return { rate };
}

/** Readings as the store packs them. @param {number} length */
const columns = (length) => ({
  series: new Uint32Array(length),
  timestamp: new Float64Array(length),
  number: new Float64Array(length),
  quality: new Uint8Array(length),
  text: [],
});
