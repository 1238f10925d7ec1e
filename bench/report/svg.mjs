// Charts as SVG: bars, and lines over time. Readable on light and dark pages.

const width = 820;
const style = `
  .page { fill: #ffffff } .text { fill: #1f2328 } .quiet { fill: #59636e } .grid { stroke: #d1d9e0 }
  .label { fill: #1f2328; stroke: #ffffff } .target { stroke: #cf222e } .target-text { fill: #cf222e }
  .c0 { fill: #0969da } .c1 { fill: #8250df } .c2 { fill: #bc4c00 } .c3 { fill: #818b98 }
  .l0 { stroke: #0969da } .l1 { stroke: #8250df } .l2 { stroke: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .text { fill: #f0f6fc } .quiet { fill: #9198a1 } .grid { stroke: #3d444d }
    .label { fill: #f0f6fc; stroke: #0d1117 } .target { stroke: #ff7b72 } .target-text { fill: #ff7b72 }
    .c0 { fill: #4493f8 } .c1 { fill: #ab7df8 } .c2 { fill: #f0883e } .c3 { fill: #656c76 }
    .l0 { stroke: #4493f8 } .l1 { stroke: #ab7df8 } .l2 { stroke: #f0883e }
  }
  text { font: 13px system-ui, sans-serif } .title { font-size: 16px; font-weight: 600 }
  .grid, .target { stroke-width: 1 } .target { stroke-dasharray: 5 3; stroke-width: 2 }
  .label { stroke-width: 4; paint-order: stroke }
  .line { fill: none; stroke-width: 1.8; stroke-linejoin: round }`;

/** @param {unknown} text */
const escape = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** @param {number} value */
const short = (value) =>
  value >= 1e6
    ? `${+(value / 1e6).toPrecision(3)}M`
    : value.toLocaleString('en', { maximumFractionDigits: value >= 100 ? 0 : 2 });

/** @param {number} x @param {number} y @param {unknown} text @param {string} [how] */
const write = (x, y, text, how = 'class="text"') =>
  `<text x="${round(x)}" y="${round(y)}" ${how}>${escape(text)}</text>`;

/** @param {number} value */
const round = (value) => Math.round(value * 10) / 10;

/** @param {string} title @param {string} subtitle @param {number} height @param {string[]} content */
const page = (title, subtitle, height, content) =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(title)}">`,
    `<style>${style}\n</style>`,
    `<rect class="page" width="${width}" height="${height}" rx="6"/>`,
    write(20, 30, title, 'class="text title"'),
    write(20, 50, subtitle, 'class="quiet"'),
    ...content,
    '</svg>\n',
  ].join('\n');

/** Round numbers from 0 to a little more than `most`. @param {number} most @returns {number[]} */
function ticks(most) {
  const rough = (most || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5].find((one) => one * power >= rough) ?? 10) * power;
  return Array.from({ length: Math.ceil((most || 1) / step) + 1 }, (_, index) => index * step);
}

/**
 * Groups of bars, from left to right; where a group has a target, a line across it.
 * @param {{ title: string, subtitle: string, unit: string,
 *   kinds: string[], groups: { name: string, target?: number, bars: { kind: string, value: number }[] }[] }} chart
 *   each kind has a colour of its own; `subtitle` says where the figures come from
 */
export function bars({ title, subtitle, unit, kinds, groups }) {
  const bar = 20;
  const left = 30 + Math.max(...groups.map(({ name }) => name.length)) * 7;
  const right = width - 110;
  const most = Math.max(
    ...groups.flatMap((group) => [group.target ?? 0, ...group.bars.map(({ value }) => value)]),
  );
  const scale = ticks(most);
  const x = (/** @type {number} */ value) =>
    left + ((right - left) * value) / scale[scale.length - 1];
  const content = [];
  let y = 104;
  const top = y - 10;
  for (const { name, target, bars: values } of groups) {
    const middle = y + (values.length * bar) / 2;
    content.push(write(left - 10, middle + 4, name, 'class="text" text-anchor="end"'));
    const begin = y;
    /** @type {string[]} */
    const labels = [];
    for (const { kind, value } of values) {
      const wide = round(Math.max(1, x(value) - left));
      content.push(
        `<rect class="c${kinds.indexOf(kind)}" x="${left}" y="${y + 2}" width="${wide}" height="${bar - 4}" rx="2"/>`,
      );
      labels.push(write(x(value) + 6, y + bar - 6, short(value), 'class="label"'));
      y += bar;
    }
    if (target !== undefined)
      content.push(
        `<line class="target" x1="${round(x(target))}" x2="${round(x(target))}" y1="${begin - 3}" y2="${y + 3}"/>`,
      );
    content.push(...labels);
    y += 22;
  }
  const grid = scale.flatMap((value) => [
    `<line class="grid" x1="${round(x(value))}" x2="${round(x(value))}" y1="${top}" y2="${y - 8}"/>`,
    write(x(value), y + 8, short(value), 'class="quiet" text-anchor="middle"'),
  ]);
  const legend = [
    ...kinds,
    ...(groups.some(({ target }) => target !== undefined) ? ['target'] : []),
  ];
  let at = 20;
  const keys = legend.flatMap((kind, index) => {
    const begin = at;
    at += 30 + kind.length * 7.2;
    return [
      kind === 'target'
        ? `<line class="target" x1="${begin + 6}" x2="${begin + 6}" y1="65" y2="81"/>`
        : `<rect class="c${index}" x="${begin}" y="67" width="12" height="12" rx="2"/>`,
      write(begin + 18, 78, kind),
    ];
  });
  return page(title, subtitle, y + 40, [
    ...keys,
    ...grid,
    ...content,
    write((left + right) / 2, y + 30, unit, 'class="quiet" text-anchor="middle"'),
  ]);
}

/**
 * Lines over the same time, one below the other, each with its own scale from 0.
 * @param {{ title: string, subtitle: string, panels: { name: string, unit: string, target?: number, at: number[],
 *   values: number[] }[] }} chart `at` in seconds
 */
export function lines({ title, subtitle, panels }) {
  const left = 70;
  const right = width - 30;
  const height = 120;
  const span = Math.max(...panels.flatMap(({ at }) => at));
  const minutes = span > 120;
  const times = ticks(minutes ? span / 60 : span).filter(
    (one) => one * (minutes ? 60 : 1) <= span * 1.001,
  );
  const x = (/** @type {number} */ seconds) => left + ((right - left) * seconds) / span;
  let top = 92;
  const content = panels.flatMap(({ name, unit, target, at, values }, index) => {
    const bottom = top + height;
    const scale = ticks(Math.max(target ?? 0, ...values) * 1.05);
    const y = (/** @type {number} */ value) => bottom - (height * value) / scale[scale.length - 1];
    const points = values.map((value, i) => `${round(x(at[i]))},${round(y(value))}`).join(' ');
    const panel = [
      write(left, top - 8, `${name}, ${unit}`),
      ...scale.flatMap((value) => [
        `<line class="grid" x1="${left}" x2="${right}" y1="${round(y(value))}" y2="${round(y(value))}"/>`,
        write(left - 8, y(value) + 4, short(value), 'class="quiet" text-anchor="end"'),
      ]),
      `<polyline class="line l${index}" points="${points}"/>`,
    ];
    if (target !== undefined)
      panel.push(
        `<line class="target" x1="${left}" x2="${right}" y1="${round(y(target))}" y2="${round(y(target))}"/>`,
        write(
          right,
          top - 8,
          `target: at most ${short(target)}`,
          'class="target-text" text-anchor="end"',
        ),
      );
    top = bottom + 44;
    return panel;
  });
  const axis = times.map((one) =>
    write(x(one * (minutes ? 60 : 1)), top - 26, short(one), 'class="quiet" text-anchor="middle"'),
  );
  return page(title, subtitle, top + 8, [
    ...content,
    ...axis,
    write(
      (left + right) / 2,
      top - 4,
      minutes ? 'minutes' : 'seconds',
      'class="quiet" text-anchor="middle"',
    ),
  ]);
}
