import type { ReadingValue } from '../telemetry/types.ts';
import { cleanText } from '../text.ts';
import { downsample } from './lttb.ts';
import type { Row } from './series.ts';
import { rounded } from './statistics.ts';

/** What stands in each point, in this order; `min`, `max` and `count` are of all intervals it stands for. */
export const pointColumns = ['at', 'value', 'min', 'max', 'count'] as const;

export type ShownPoint = [
  at: string,
  value: ReadingValue,
  min: number | null,
  max: number | null,
  count: number,
];

const longestText = 64;

/**
 * As many points as asked for, that keep the shape of the line (LTTB): the value of the interval that stands out, with
 * the least, the most and the number of readings of all it stands for. Of texts, the newest.
 */
export function showPoints(rows: readonly Row[], most: number): ShownPoint[] {
  if (most <= 0) return [];
  if (rows.some(({ value }) => typeof value === 'string') || most < 3)
    return rows.slice(-most).map((row) => point(row, [row]));
  const kept = downsample(
    rows.map(({ at }) => at),
    rows.map(({ value }) => Number(value)),
    most,
  );
  return kept.map(({ index, from }, position) =>
    point(rows[index] as Row, rows.slice(from, kept[position + 1]?.from ?? rows.length)),
  );
}

function point({ at, value }: Row, group: readonly Row[]): ShownPoint {
  const lows = group.flatMap(({ min }) => min ?? []);
  const highs = group.flatMap(({ max }) => max ?? []);
  return [
    new Date(at).toISOString().replace('.000Z', 'Z'),
    typeof value === 'number'
      ? rounded(value)
      : typeof value === 'string'
        ? cleanText(value, longestText)
        : value,
    lows.length > 0 ? rounded(Math.min(...lows)) : null,
    highs.length > 0 ? rounded(Math.max(...highs)) : null,
    group.reduce((sum, { count }) => sum + count, 0),
  ];
}
