// Text for a person: colours, numbers, a sparkline.

/**
 * @typedef {object} Paint
 * @property {(text: string) => string} dim
 * @property {(text: string) => string} bold
 * @property {(text: string) => string} red
 * @property {(text: string) => string} green
 * @property {(text: string) => string} cyan
 * @property {(text: string) => string} yellow
 */

/**
 * Colours where a person sees them: on a terminal, unless NO_COLOR is set (no-color.org).
 * @param {{ isTTY?: boolean }} stream
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Paint}
 */
export function paintFor(stream, env = process.env) {
  const coloured = stream.isTTY === true && !env.NO_COLOR;
  /** @param {number} start @param {number} end */
  const style = (start, end) => (/** @type {string} */ text) =>
    coloured ? `\u001b[${start}m${text}\u001b[${end}m` : text;
  return {
    dim: style(2, 22),
    bold: style(1, 22),
    red: style(31, 39),
    green: style(32, 39),
    cyan: style(36, 39),
    yellow: style(33, 39),
  };
}

const blocks = '▁▂▃▄▅▆▇█';

/**
 * @param {readonly number[]} values
 * @returns {string} one block per value, the lowest and the highest at the ends of the scale
 */
export function sparkline(values) {
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  return values.map((value) => blocks[Math.round(((value - low) / span) * 7)]).join('');
}

/** @param {number} value */
export const count = (value) => value.toLocaleString('en-US');
