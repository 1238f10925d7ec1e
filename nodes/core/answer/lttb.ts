/**
 * Largest triangle three buckets (Steinarsson, 2013): which of many points keep the shape of a line. The first and the
 * last are always among them.
 * @param x ascending
 * @param most how many are kept, 3 at least
 * @returns for each kept point its index, and where the points it stands for begin (they end where the next ones begin)
 */
export function downsample(
  x: readonly number[],
  y: readonly number[],
  most: number,
): { index: number; from: number }[] {
  const count = x.length;
  if (count <= most) return x.map((_, index) => ({ index, from: index }));
  const width = (count - 2) / (most - 2);
  const edge = (bucket: number): number => Math.floor(bucket * width) + 1;
  const kept = [{ index: 0, from: 0 }];
  let last = 0;
  for (let bucket = 0; bucket < most - 2; bucket++) {
    const [from, to] = [edge(bucket), edge(bucket + 1)];
    const end = bucket === most - 3 ? count : edge(bucket + 2);
    const [nextX, nextY] = [mean(x, to, end), mean(y, to, end)];
    let best = from;
    let largest = -1;
    for (let index = from; index < to; index++) {
      const area = Math.abs(
        (at(x, last) - nextX) * (at(y, index) - at(y, last)) -
          (at(x, last) - at(x, index)) * (nextY - at(y, last)),
      );
      if (area > largest) [best, largest] = [index, area];
    }
    kept.push({ index: best, from });
    last = best;
  }
  return [...kept, { index: count - 1, from: count - 1 }];
}

const at = (list: readonly number[], index: number): number => list[index] ?? 0;

function mean(list: readonly number[], from: number, to: number): number {
  let sum = 0;
  for (let index = from; index < to; index++) sum += at(list, index);
  return sum / Math.max(1, to - from);
}
