import { placeName, quoted } from '../rpc/quoted.ts';
import type { LatestReading } from '../telemetry/ports.ts';
import type { ReadingValue } from '../telemetry/types.ts';
import { rounded } from './statistics.ts';
import { unitSymbol } from './units.ts';

/** A value with its unit in a sentence of the hub's own. */
export function valueText(value: ReadingValue | undefined, unit?: string): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'number') return `${rounded(value)}${unitSymbol(unit)}`;
  return typeof value === 'string' ? quoted(value) : String(value);
}

/** "3 s", "5 min", "2 h", "4 days". */
export function spanText(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** `"Kitchen" temperature`. */
export const seriesText = (
  name: string,
  { measurement_type: type }: Pick<LatestReading, 'measurement_type'>,
) => `${quoted(name)} ${placeName(type)}`;

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

/** At most so many UTF-8 bytes of a sentence. */
export function cutText(text: string, maxBytes: number): string {
  const encoder = new TextEncoder();
  if (encoder.encode(text).length <= maxBytes) return text;
  let end = Math.min(text.length, maxBytes);
  while (encoder.encode(text.slice(0, end)).length > maxBytes - 3) end -= 1;
  return `${text.slice(0, end).replace(/[\ud800-\udbff]$/, '')}…`;
}
