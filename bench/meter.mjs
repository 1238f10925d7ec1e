// Counts what a load gets done in the time that is measured.
import { tellProgress } from './load.mjs';
import { createTimes } from './figures.mjs';

/** How long after the last message was sent all must have been answered. */
const patienceMs = 60_000;

/**
 * @typedef {{ warmUpMs: number, runMs: number }} Timing
 *
 * @typedef {object} Metered
 * @property {number} rate a second, over the measured time
 * @property {number[]} perSecond the seconds of the measured time
 * @property {import('./figures.mjs').Figures} times
 * @property {number} generatorUs processor time of this process for one
 */

/**
 * The clock of a load begins when this is made; it tells its progress every second.
 * @param {Timing} timing
 */
export function createMeter({ warmUpMs, runMs }) {
  const begin = performance.now();
  const from = begin + warmUpMs;
  const to = from + runMs;
  const times = createTimes();
  /** @type {number[]} */
  const perSecond = [];
  let total = 0;
  let counted = 0;
  let second = 0;
  let cpuBefore = process.cpuUsage();
  let totalBefore = 0;
  const cpu = { us: NaN, done: NaN };

  const measureFrom = setTimeout(() => {
    cpuBefore = process.cpuUsage();
    totalBefore = total;
  }, warmUpMs);
  const measureTo = setTimeout(() => {
    const { user, system } = process.cpuUsage(cpuBefore);
    Object.assign(cpu, { us: user + system, done: total - totalBefore });
  }, warmUpMs + runMs);
  const everySecond = setInterval(() => {
    const now = performance.now();
    if (now > from + 500 && now < to + 500) perSecond.push(second);
    tellProgress({ seconds: (now - begin) / 1000, done: total, perSecond: second });
    second = 0;
  }, 1000);

  return {
    begin,
    end: to,
    /** @param {number} done @param {number} now */
    count(done, now) {
      total += done;
      second += done;
      if (now >= from && now < to) counted += done;
    },
    /** @param {number} ms @param {number} now */
    time(ms, now) {
      if (now >= from && now < to) times.add(ms);
    },
    total: () => total,
    /**
     * Resolves when the time is over and everything is answered.
     * @param {() => number} waiting how many are not answered
     */
    async finished(waiting) {
      while (performance.now() < to || waiting() > 0) {
        if (performance.now() > to + patienceMs)
          throw new Error(`${waiting()} were not answered within ${patienceMs / 1000} s`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    /** @returns {Metered} */
    figures() {
      clearInterval(everySecond);
      clearTimeout(measureFrom);
      clearTimeout(measureTo);
      return {
        rate: (counted * 1000) / runMs,
        perSecond,
        times: times.figures(),
        generatorUs: cpu.us / cpu.done,
      };
    },
  };
}
