// Which figures become a picture.
import { describeMachine } from '../machine.mjs';
import { bars, lines } from './svg.mjs';

/**
 * @typedef {{ file: string, section: string, title: string, svg: string }} Chart `section` of docs/performance.md
 * @param {Record<string, any>} measured what there is, by scenario
 * @returns {Chart[]}
 */
export function drawCharts(measured) {
  return [throughput(measured), paced(measured), queries(measured)].flatMap((chart) => chart ?? []);
}

/** @param {any} outcome */
const originOf = ({ measured_at, machine }) =>
  `${measured_at.slice(0, 10)}, ${describeMachine(machine)}`;

/** @param {Record<string, any>} measured @returns {Chart | undefined} */
function throughput(measured) {
  const kinds = ['hub', 'stock nodes (arrived)', 'bare aedes (nothing stored)'];
  const stock = measured.peers?.figures.outcomes.map((/** @type {any} */ one) => one.stock) ?? [];
  const acknowledged = [
    ['ingest-100', '100 × 32, QoS 1', stock[0]],
    ['ingest-1000', '1,000 × 1, QoS 1', stock[1]],
  ].flatMap(([scenario, name, other]) => {
    const figures = measured[scenario]?.figures;
    if (!figures) return [];
    const { hub, bare, target } = figures;
    const values = [hub.rate, other?.arrivedRate, bare.rate];
    return [{ name, target, bars: barsOf(kinds, values) }];
  });
  const others = [
    ['qos0-flood', 'QoS 0 flood'],
    ['http-batch', 'HTTP, by 100'],
  ].flatMap(([scenario, name]) => {
    const figures = measured[scenario]?.figures;
    if (!figures) return [];
    const { hub, storedRate = hub.rate, target } = figures;
    return [{ name, target, bars: barsOf(kinds, [storedRate]) }];
  });
  const groups = [...acknowledged, ...others];
  const first = Object.values(measured).find(({ figures }) => figures?.hub);
  if (groups.length === 0 || !first) return undefined;
  const title = 'Readings a second that are stored';
  const subtitle = originOf(first);
  return {
    ...{ file: 'bench-throughput.svg', section: 'targets', title },
    svg: bars({ title, subtitle, unit: 'readings a second', kinds, groups }),
  };
}

/** @param {string[]} kinds @param {(number | undefined)[]} values */
const barsOf = (kinds, values) =>
  values.flatMap((value, index) => (value === undefined ? [] : [{ kind: kinds[index], value }]));

/** @param {Record<string, any>} measured @returns {Chart | undefined} */
function paced({ paced: outcome }) {
  if (!outcome) return undefined;
  const { series, delays } = outcome.figures;
  const known = delays.ms.some((/** @type {number | null} */ ms) => ms !== null);
  const title = outcome.name;
  const panels = [
    {
      ...{ name: 'Processor time, all threads', unit: '% of one core', target: 60 },
      ...{ at: series.seconds, values: smooth(series.cpu, 5).map((one) => one * 100) },
    },
    {
      ...{ name: 'Resident memory', unit: 'MB' },
      ...{ at: series.seconds, values: series.rss.map((/** @type {number} */ one) => one / 1e6) },
    },
    ...(known
      ? [
          {
            ...{ name: 'Event-loop delay, 99th percentile', unit: 'ms', target: 20 },
            ...{ at: delays.seconds, values: delays.ms },
          },
        ]
      : []),
  ];
  return {
    ...{ file: 'bench-paced.svg', section: 'paced', title },
    svg: lines({ title, subtitle: originOf(outcome), panels }),
  };
}

/** Means of this many neighbours. @param {number[]} values @param {number} wide */
const smooth = (values, wide) =>
  values.map((_, index) => {
    const near = values.slice(Math.max(0, index - wide + 1), index + 1);
    return near.reduce((sum, one) => sum + one, 0) / near.length;
  });

/** @param {Record<string, any>} measured @returns {Chart | undefined} */
function queries({ 'long-store': outcome }) {
  if (!outcome) return undefined;
  const kinds = ['median', '99th percentile'];
  const groups = outcome.results
    .filter((/** @type {any} */ row) => row.figures)
    .map((/** @type {any} */ { measure, figures }) => ({
      name: measure,
      bars: barsOf(kinds, [figures.p50, figures.p99]),
    }));
  const title = `data.query among ${outcome.name}`;
  return {
    ...{ file: 'bench-long-store.svg', section: 'long-store', title },
    svg: bars({ title, subtitle: originOf(outcome), unit: 'milliseconds', kinds, groups }),
  };
}
