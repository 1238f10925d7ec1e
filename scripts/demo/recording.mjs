// The recorded house, told again at another time.
import { readFileSync } from 'node:fs';

const sampleFile = new URL('./data/house-sensors-sample.csv', import.meta.url);
const dayMs = 86_400_000;
/** Where a first replay ends: a warm noon, the humidity sensor outside failing, and more to come. */
const endOfStory = Date.parse('2016-05-07T11:10:00Z');

/**
 * One recorded moment.
 * @typedef {object} Row
 * @property {number} time milliseconds; the recording's own local time, as if it were UTC
 * @property {Record<string, number>} numbers by column
 *
 * One moment as it is told.
 * @typedef {object} Moment
 * @property {number} timestamp milliseconds since the epoch
 * @property {Row} row
 *
 * @typedef {object} Recording
 * @property {readonly Row[]} rows in order of time
 * @property {number} endOfStory the recorded time that is now in a first replay
 * @property {(from: number, to: number, shift: number) => Moment[]} between the moments after `from` up to `to`
 * @property {(time: number, shift: number) => number} indexAfter where in `rows` the recording goes on after a time
 */

/**
 * Reads the sample that ships with the package.
 * @param {string | URL} [file]
 * @returns {Recording}
 */
export function loadRecording(file = sampleFile) {
  const [header, ...lines] = readFileSync(file, 'utf8').trim().split('\n');
  const columns = header.split(',').slice(1);
  const rows = lines.map((line) => {
    const [time, ...cells] = line.split(',');
    return {
      time: Date.parse(`${time}Z`),
      numbers: Object.fromEntries(cells.map((cell, index) => [columns[index], Number(cell)])),
    };
  });
  const lastTime = rows[rows.length - 1].time;
  const lap = Math.ceil((lastTime - rows[0].time) / dayMs) * dayMs;

  /**
   * The recording repeats in whole days, so that any stretch of time is in it and the same time is
   * always told the same: sending it twice changes nothing in the hub.
   * @param {number} from @param {number} to @param {number} shift added to a recorded time
   */
  function between(from, to, shift) {
    /** @type {Moment[]} */
    const moments = [];
    const firstLap = Math.floor((from - shift - lastTime) / lap);
    for (let round = firstLap; rows[0].time + shift + round * lap <= to; round++) {
      for (const row of rows) {
        const timestamp = row.time + shift + round * lap;
        if (timestamp > from && timestamp <= to) moments.push({ timestamp, row });
      }
    }
    return moments;
  }

  /** @param {number} time @param {number} shift */
  function indexAfter(time, shift) {
    const told = time - shift - rows[0].time;
    const inLap = rows[0].time + (told - Math.floor(told / lap) * lap);
    return Math.max(
      0,
      rows.findIndex((row) => row.time > inLap),
    );
  }
  return { rows, endOfStory, between, indexAfter };
}
