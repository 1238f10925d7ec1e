// Times and rates: how they are gathered and written.
import { createHistogram } from 'node:perf_hooks';

/**
 * Gathers times without keeping each of them; off by 0.1 % at most.
 * @returns {{ add(ms: number): void, figures(): Figures }}
 *
 * @typedef {{ count: number, p50: number, p99: number, max: number }} Figures milliseconds
 */
export function createTimes() {
  const histogram = createHistogram({ figures: 3 });
  const ms = (/** @type {number} */ us) => us / 1000;
  return {
    add: (time) => histogram.record(Math.max(1, Math.round(time * 1000))),
    figures: () => ({
      count: histogram.count,
      p50: ms(histogram.percentile(50)),
      p99: ms(histogram.percentile(99)),
      max: ms(histogram.max),
    }),
  };
}

/** @param {number} value */
export const count = (value) => Math.round(value).toLocaleString('en');

/** @param {number} ms */
export const time = (ms) => `${ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0)} ms`;

/** @param {Figures} figures */
export const times = ({ p50, p99 }) => `median ${time(p50)}, p99 ${time(p99)}`;

/** @param {Figures} figures */
export const timesToMax = (figures) => `${times(figures)}, max ${time(figures.max)}`;

/** @param {number} bytes */
export const megabytes = (bytes) => `${count(bytes / 1e6)} MB`;

/** @param {number} part @param {number} whole */
export const share = (part, whole) => `${((100 * part) / whole).toFixed(0)} %`;

/** The middle one. @param {number[]} values */
export const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
