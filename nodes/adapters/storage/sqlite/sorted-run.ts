import type { PackedReadings } from '../packing.ts';

/** Series number of a reading that has been taken out again; real ones start at 1. */
export const noSeries = 0;

/** Readings by series and time, one per series and time: the last that was written. */
export interface SortedRun {
  length: number;
  series: Uint32Array;
  timestamp: Float64Array;
  /** NaN where the value is a text. */
  number: Float64Array;
  quality: Uint8Array;
  /** By position; empty if there are none. */
  text: Map<number, string>;
}

/** Sorts packs of readings, given in the order they were written. */
export function sortRun(packs: readonly PackedReadings[]): SortedRun {
  const all = concatenate(packs);
  const order = orderBySeries(all.series);
  sortTimes(order, all);
  return take(all, order);
}

/** What is left of a run from a position on, without the readings that are not kept. */
export function restOfRun(
  run: SortedRun,
  position: number,
  keep: (series: number, timestamp: number) => boolean,
): SortedRun {
  const rest = emptyRun(run.length - position);
  for (let i = position; i < run.length; i++)
    if (keep(run.series[i] ?? 0, run.timestamp[i] ?? 0)) put(rest, rest.length++, run, i);
  return rest;
}

function concatenate(packs: readonly PackedReadings[]): SortedRun {
  const length = packs.reduce((sum, { series }) => sum + series.length, 0);
  const all = { ...emptyRun(length), length };
  let offset = 0;
  for (const { series, timestamp, number, quality, text } of packs) {
    all.series.set(series, offset);
    all.timestamp.set(timestamp, offset);
    all.number.set(number, offset);
    all.quality.set(quality, offset);
    if (text.length > 0) {
      let nextText = 0;
      for (let i = 0; i < number.length; i++)
        if (Number.isNaN(number[i])) all.text.set(offset + i, text[nextText++] ?? '');
    }
    offset += series.length;
  }
  return all;
}

/** Positions by series, those of one series in the order they were written; without those of no series. */
function orderBySeries(series: Uint32Array): Uint32Array {
  let least = Infinity;
  let most = 0;
  for (const id of series) {
    if (id < least) least = id;
    if (id > most) most = id;
  }
  // A counting sort: where the positions of each series start.
  const starts = new Uint32Array(most - Math.min(least, most) + 2);
  for (const id of series) starts[id - least + 1] = (starts[id - least + 1] ?? 0) + 1;
  for (let i = 1; i < starts.length; i++) starts[i] = (starts[i] ?? 0) + (starts[i - 1] ?? 0);
  const order = new Uint32Array(series.length);
  for (let i = 0; i < series.length; i++) {
    const slot = (series[i] ?? 0) - least;
    const at = starts[slot] ?? 0;
    order[at] = i;
    starts[slot] = at + 1;
  }
  const dropped = least === noSeries ? (starts[0] ?? 0) : 0;
  return order.subarray(dropped);
}

/** Puts the positions of each series in the order of time where they are not yet: most devices send in order. */
function sortTimes(order: Uint32Array, { series, timestamp }: SortedRun): void {
  const time = (i: number): number => timestamp[order[i] ?? 0] ?? 0;
  const owner = (i: number): number => series[order[i] ?? 0] ?? 0;
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    let sorted = true;
    while (end < order.length && owner(end) === owner(start)) {
      if (time(end) < time(end - 1)) sorted = false;
      end += 1;
    }
    if (!sorted)
      order.subarray(start, end).sort((a, b) => (timestamp[a] ?? 0) - (timestamp[b] ?? 0) || a - b);
    start = end;
  }
}

/** The readings at these positions, of those with the same series and time the last. */
function take(all: SortedRun, order: Uint32Array): SortedRun {
  const run = emptyRun(order.length);
  for (const from of order) {
    const last = run.length - 1;
    const repeats =
      last >= 0 &&
      run.series[last] === all.series[from] &&
      run.timestamp[last] === all.timestamp[from];
    put(run, repeats ? last : run.length++, all, from);
  }
  return run;
}

function emptyRun(room: number): SortedRun {
  return {
    length: 0,
    series: new Uint32Array(room),
    timestamp: new Float64Array(room),
    number: new Float64Array(room),
    quality: new Uint8Array(room),
    text: new Map(),
  };
}

function put(run: SortedRun, at: number, source: SortedRun, from: number): void {
  run.series[at] = source.series[from] ?? 0;
  run.timestamp[at] = source.timestamp[from] ?? 0;
  run.number[at] = source.number[from] ?? 0;
  run.quality[at] = source.quality[from] ?? 0;
  const text = source.text.get(from);
  if (text !== undefined) run.text.set(at, text);
}
