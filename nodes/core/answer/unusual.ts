import { timeZone } from '../telemetry/time-zone.ts';
import type { GapSpan } from './gaps.ts';
import type { Row } from './series.ts';
import { medianOf, rounded, spreadOf } from './statistics.ts';

/** Something that is not as usual; times in ISO 8601. */
export interface Finding {
  kind: 'high' | 'low' | 'flat' | 'gap';
  start: string;
  end: string;
  /** The most or least there was, or the value that stayed. */
  value?: number;
  /** What there usually is. */
  usual?: number;
  /** Robust z-score: how many usual spreads it is away from that. */
  score?: number;
  compared_with?: 'same_hours_of_earlier_days' | 'rest_of_the_range';
}

const hour = 3_600_000;
/** Standard deviations of a normal distribution for each median absolute deviation. */
const normal = 1.4826;
/** A score above that is unusual. */
const limit = 4;
/** As many values make what is usual. */
const enough = { sameHours: 12, range: 12 };
const mostFindings = 10;
const flatMs = 6 * hour;

interface Usual {
  median: number;
  sigma: number;
  of: NonNullable<Finding['compared_with']>;
}

/**
 * What is unusual about the hours of a span: values far from those of the same hours (and the ones beside them) of
 * earlier days, or of the rest of the span where there were too few; then values that stayed the same for six hours in
 * a series that moves in most hours, and times without readings. The most unusual first, ten at most.
 * @param hours hours of the span and of days before, with `min` and `max`
 * @param moves whether its numbers are more than on and off
 */
export function findUnusual(question: {
  hours: readonly Row[];
  rows: readonly Row[];
  width: number;
  gaps: readonly GapSpan[];
  start: number;
  end: number;
  zone: string;
  moves: boolean;
}): Finding[] {
  const { hours, gaps, start, end } = question;
  const inside = hours.filter(({ at }) => at + hour > start && at < end);
  const before = hours.filter(({ at }) => at + hour <= start);
  const found = question.moves
    ? [
        ...outliers(question, inside, before, 'max'),
        ...outliers(question, inside, before, 'min'),
        ...flats(question, [...before, ...inside]),
      ]
    : [];
  const empty = gaps.map((gap): Finding => ({ kind: 'gap', ...span(gap) }));
  return [...found.toSorted((a, b) => (b.score ?? 0) - (a.score ?? 0)), ...empty].slice(
    0,
    mostFindings,
  );
}

const span = (one: { start: number; end: number }): { start: string; end: string } => ({
  start: new Date(one.start).toISOString(),
  end: new Date(one.end).toISOString(),
});

function outliers(
  { start, end, zone: zoneName }: { start: number; end: number; zone: string },
  inside: readonly Row[],
  before: readonly Row[],
  side: 'min' | 'max',
): Finding[] {
  const zone = timeZone(zoneName);
  const hourOf = (at: number): number => Math.floor((at + zone.offsetAt(at)) / hour) % 24;
  const valueOf = (row: Row): number => row[side] ?? Number(row.value);
  const byHour = Array.from({ length: 24 }, (): number[] => []);
  for (const row of before) {
    const own = hourOf(row.at);
    for (const near of [own + 23, own, own + 1]) byHour[near % 24]?.push(valueOf(row));
  }
  const usual = new Map<number, Usual | undefined>();
  const ofRange =
    inside.length >= enough.range ? usualOf(inside.map(valueOf), 'rest_of_the_range') : undefined;
  const usualAt = (at: number): Usual | undefined => {
    const own = hourOf(at);
    if (!usual.has(own)) {
      const values = byHour[own] ?? [];
      usual.set(
        own,
        values.length >= enough.sameHours ? usualOf(values, 'same_hours_of_earlier_days') : ofRange,
      );
    }
    return usual.get(own);
  };

  const findings: (Finding & { until: number })[] = [];
  for (const row of inside) {
    const known = usualAt(row.at);
    if (!known) continue;
    const value = valueOf(row);
    const score = (value - known.median) / known.sigma;
    if (side === 'max' ? score <= limit : score >= -limit) continue;
    const size = Math.abs(score);
    const last = findings.at(-1);
    const until = Math.min(end, row.at + hour);
    if (last?.until === row.at && last.compared_with === known.of) {
      Object.assign(last, { until, end: new Date(until).toISOString() });
      if (size > (last.score ?? 0))
        Object.assign(last, {
          value: rounded(value),
          usual: rounded(known.median),
          score: tenth(size),
        });
      continue;
    }
    findings.push({
      kind: side === 'max' ? 'high' : 'low',
      ...span({ start: Math.max(start, row.at), end: until }),
      value: rounded(value),
      usual: rounded(known.median),
      score: tenth(size),
      compared_with: known.of,
      until,
    });
  }
  return findings.map(({ until: _until, ...finding }) => finding);
}

const tenth = (value: number): number => Math.min(1_000, Math.round(value * 10) / 10);

function usualOf(values: readonly number[], of: Usual['of']): Usual | undefined {
  const median = medianOf(values);
  const mad = spreadOf(values, median);
  // Where hardly anything ever changes, a step of the sensor must not be a sensation.
  const average = values.reduce((sum, value) => sum + Math.abs(value - median), 0) / values.length;
  const sigma = Math.max(normal * mad, average, Math.abs(median) * 0.005);
  return sigma > 0 ? { median, sigma, of } : undefined;
}

/** Stretches of at least six hours in which nothing moved, of a series that moves in most hours. */
function flats(
  { rows, width, end }: { rows: readonly Row[]; width: number; end: number },
  hours: readonly Row[],
): Finding[] {
  const moving = hours.filter(({ min, max }) => min !== max).length;
  if (hours.length < enough.range || moving < hours.length * 0.5) return [];
  const found: Finding[] = [];
  let begin: Row | undefined;
  let last: Row | undefined;
  let count = 0;
  const close = (): void => {
    const until = last && Math.min(end, last.at + width);
    if (begin && until !== undefined && until - begin.at >= flatMs && count >= enough.range)
      found.push({
        kind: 'flat',
        ...span({ start: begin.at, end: until }),
        value: Number(begin.value),
      });
  };
  for (const row of rows) {
    const stays = row.min === row.max && (!begin || row.min === begin.min);
    if (begin && stays) {
      last = row;
      count += row.count;
      continue;
    }
    close();
    begin = row.min === row.max ? row : undefined;
    last = begin;
    count = begin ? row.count : 0;
  }
  close();
  return found;
}
