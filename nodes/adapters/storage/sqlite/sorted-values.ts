/** Values in ascending order, each once. */
export interface SortedValues {
  values: Float64Array;
  /** How many readings have this value or a smaller one; absent: every value is that of one reading. */
  upTo?: Uint32Array;
}

const headerBytes = 8;
/** Values looked at to choose one that parts the others in the middle. */
const samples = 63;

/** @param sorted ascending; it is used up */
export function groupValues(sorted: Float64Array): SortedValues {
  const upTo = new Uint32Array(sorted.length);
  let length = 0;
  for (let i = 0; i < sorted.length; i++) {
    const value = sorted[i] as number;
    if (length === 0 || value !== sorted[length - 1]) sorted[length++] = value;
    upTo[length - 1] = i + 1;
  }
  if (length === sorted.length) return { values: sorted };
  return { values: sorted.slice(0, length), upTo: upTo.slice(0, length) };
}

/** As one body: the number of values, then the values, then the counts if there are any. */
export function encodeValues({ values, upTo }: SortedValues): Uint8Array {
  const body = new Uint8Array(headerBytes + values.byteLength + (upTo?.byteLength ?? 0));
  new DataView(body.buffer).setUint32(0, values.length, true);
  new Float64Array(body.buffer, headerBytes, values.length).set(values);
  if (upTo) new Uint32Array(body.buffer, headerBytes + values.byteLength).set(upTo);
  return body;
}

export function decodeValues(body: Uint8Array): SortedValues {
  // Columns need an address that suits them.
  const { buffer, byteOffset } = body.byteOffset % 8 === 0 ? body : body.slice();
  const length = new DataView(buffer, byteOffset).getUint32(0, true);
  const values = new Float64Array(buffer, byteOffset + headerBytes, length);
  const countsAt = headerBytes + values.byteLength;
  if (countsAt === body.byteLength) return { values };
  return { values, upTo: new Uint32Array(buffer, byteOffset + countsAt, length) };
}

/** How many readings the values are of. */
export const countValues = (group: SortedValues): number =>
  readingsBefore(group, group.values.length);

/** The median of all readings of all groups; at least one. That of an even count is the mean of the middle two. */
export function medianOf(groups: readonly SortedValues[]): number {
  let count = 0;
  for (const group of groups) count += countValues(group);
  const lower = select(groups, (count - 1) >>> 1);
  const upper = count >>> 1 < lower.upTo ? lower.value : nextAbove(groups, lower.value);
  return lower.value === upper ? upper : lower.value / 2 + upper / 2;
}

/** The part of a group that is still in question: from `low` on, before `high`; the pivot stands between the cuts. */
interface OpenGroup {
  group: SortedValues;
  low: number;
  high: number;
  below: number;
  above: number;
}

/** Finds the value that has `rank` readings before it, and how many readings have it or a smaller one. */
function select(groups: readonly SortedValues[], rank: number): { value: number; upTo: number } {
  const random = createRandom();
  let open: OpenGroup[] = groups.map((group) => ({
    ...{ group, low: 0, high: group.values.length, below: 0, above: 0 },
  }));
  let closed = 0;
  for (;;) {
    const pivot = choosePivot(open, random);
    let before = closed;
    let upTo = closed;
    for (const one of open) {
      cut(one, pivot);
      before += readingsBefore(one.group, one.below);
      upTo += readingsBefore(one.group, one.above);
    }
    if (rank >= before && rank < upTo) return { value: pivot, upTo };
    const left: OpenGroup[] = [];
    for (const one of open) {
      if (rank < before) one.high = one.below;
      else one.low = one.above;
      if (one.low < one.high) left.push(one);
      else closed += readingsBefore(one.group, one.low);
    }
    open = left;
  }
}

function cut(one: OpenGroup, pivot: number): void {
  const { values } = one.group;
  one.below = lowerBound(values, pivot, one.low, one.high);
  one.above = one.below < one.high && values[one.below] === pivot ? one.below + 1 : one.below;
}

/** The middle one of some values in question, picked at random, so that no order of values is a bad one. */
function choosePivot(open: readonly OpenGroup[], random: () => number): number {
  const values = new Float64Array(Math.min(samples, open.length));
  for (let i = 0; i < values.length; i++) {
    const { group, low, high } = open[Math.floor(random() * open.length)] as OpenGroup;
    values[i] = group.values[low + Math.floor(random() * (high - low))] as number;
  }
  return values.sort()[values.length >>> 1] ?? 0;
}

function nextAbove(groups: readonly SortedValues[], value: number): number {
  let next = Infinity;
  for (const { values } of groups) {
    const at = lowerBound(values, value, 0, values.length);
    const above = values[at] === value ? values[at + 1] : values[at];
    if (above !== undefined && above < next) next = above;
  }
  return next;
}

const readingsBefore = ({ upTo }: SortedValues, position: number): number =>
  upTo ? (upTo[position - 1] ?? 0) : position;

/** The first position from `low` on, before `high`, whose value is not below the one given. */
function lowerBound(values: Float64Array, value: number, low: number, high: number): number {
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The same numbers each time, from 0 to less than 1. */
function createRandom(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
