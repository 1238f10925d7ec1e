// JSON for a person: on one line where it fits, long lists cut short.

/**
 * @typedef {object} ShowLimits
 * @property {number} width columns there are
 * @property {number} [depth] deeper objects are shown as `{…}`; default 8
 * @property {number} [items] of a list of objects; default 3. Of plain values there are three times as many
 */

const longestText = 160;

/**
 * @param {unknown} value
 * @param {ShowLimits} limits
 * @param {string} [indent] in front of every line but the first
 * @returns {string}
 */
export function showJson(value, limits, indent = '') {
  const line = oneLine(value, limits, limits.depth ?? 8);
  if (line.length + indent.length <= limits.width || !isNested(value)) return line;
  const inner = `${indent}  `;
  const deeper = { ...limits, depth: (limits.depth ?? 8) - 1 };
  if (deeper.depth < 0) return line;
  if (Array.isArray(value)) {
    const { shown, more } = cut(value, limits);
    const lines = shown.map((item) => showJson(item, deeper, inner));
    return `[\n${[...lines, ...more].map((text) => inner + text).join(',\n')}\n${indent}]`;
  }
  const lines = Object.entries(value).map(
    ([key, item]) => `${inner}${JSON.stringify(key)}: ${showJson(item, deeper, inner)}`,
  );
  return `{\n${lines.join(',\n')}\n${indent}}`;
}

/** @param {unknown} value @param {ShowLimits} limits @param {number} depth @returns {string} */
function oneLine(value, limits, depth) {
  if (typeof value === 'string' && value.length > longestText)
    return JSON.stringify(`${value.slice(0, longestText)}…`);
  if (!isNested(value)) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) {
    if (depth <= 0 && value.length > 0) return '[…]';
    const { shown, more } = cut(value, limits);
    return `[${[...shown.map((item) => oneLine(item, limits, depth - 1)), ...more].join(', ')}]`;
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return '{}';
  if (depth <= 0) return '{…}';
  return `{ ${entries.map(([key, item]) => `${JSON.stringify(key)}: ${oneLine(item, limits, depth - 1)}`).join(', ')} }`;
}

/** @param {readonly unknown[]} list @param {ShowLimits} limits */
function cut(list, { items = 3 }) {
  const most = list.some(isNested) ? items : items * 3;
  // "1 more" takes as much room as the one.
  if (list.length <= most + 1) return { shown: list, more: [] };
  return { shown: list.slice(0, most), more: [`… ${list.length - most} more`] };
}

/** @param {unknown} value @returns {value is object} */
const isNested = (value) => typeof value === 'object' && value !== null;
