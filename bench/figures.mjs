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
    add: (/** @type {number} */ time) => histogram.record(Math.max(1, Math.round(time * 1000))),
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

/**
 * How much `values` grow for one of `at`, by least squares.
 * @param {number[]} at @param {number[]} values
 */
export function slope(at, values) {
  const mean = (/** @type {number[]} */ all) => all.reduce((sum, one) => sum + one, 0) / all.length;
  const [middle, level] = [mean(at), mean(values)];
  const spread = at.reduce((sum, one) => sum + (one - middle) ** 2, 0);
  return at.reduce((sum, one, i) => sum + (one - middle) * (values[i] - level), 0) / spread;
}

/**
 * A figure held against what it should be; one that could not be measured is neither met nor missed.
 * @param {number} figure @param {'<' | '<=' | '>='} relation @param {number} wanted
 * @param {(figure: number) => string} [write]
 * @returns {{ target: string, met?: boolean }}
 */
export function against(figure, relation, wanted, write = count) {
  const met = { '<': figure < wanted, '<=': figure <= wanted, '>=': figure >= wanted }[relation];
  const sign = { '<': '<', '<=': '≤', '>=': '≥' }[relation];
  return { target: `${sign} ${write(wanted)}`, ...(!Number.isNaN(figure) && { met }) };
}

/**
 * Whether 99 of 100 times are short enough.
 * @param {Figures} figures @param {number} ms
 */
export function withinP99({ p99 }, ms) {
  const { target, ...met } = against(p99, '<', ms, (one) => `${one} ms`);
  return { target: `p99 ${target}`, ...met };
}

/** What must not be. @param {number} figure @returns {{ value: string, target: string, met: boolean }} */
export const none = (figure) => ({ value: count(figure), target: 'none', met: figure === 0 });

/** Milliseconds that something takes. @param {() => Promise<unknown>} work */
export async function timed(work) {
  const before = performance.now();
  await work();
  return performance.now() - before;
}
