import { timeZone, type TimeZone } from '../telemetry/time-zone.ts';

/** A span of time in milliseconds since the epoch: start inclusive, end exclusive. */
export interface Span {
  start: number;
  end: number;
}

export type CalendarUnit = 'day' | 'week' | 'month' | 'year';

const day = 86_400_000;

/** The calendar of a zone around an instant: days begin at local midnight, weeks on Monday. */
export interface Calendar {
  now: number;
  zone: TimeZone;
  /** The day, week, month or year that lies `offset` of them after the one of now. */
  unit(unit: CalendarUnit, offset: number): Span;
  /** The last day before today that is this weekday; 0 is Sunday. */
  lastWeekday(weekday: number): Span;
  /** From the same time of the day, `count` units ago, until now. */
  rolling(unit: CalendarUnit, count: number): Span;
  /** A part of a day, in hours by the local clock; beyond 24 it is the next one. */
  hours(ofDay: Span, from: number, to: number): Span;
  /** The span of a civil date: a day, a month without `date`, a year without `month` (1 to 12). */
  date(year: number, month?: number, date?: number): Span;
  /** The instant of a local time, as `Date.UTC` has it. */
  instant(local: number): number;
}

/** @param zoneName IANA name @throws RpcError -32602 for a zone nobody knows */
export function createCalendar(now: number, zoneName: string): Calendar {
  const zone = timeZone(zoneName);
  const localNow = now + zone.offsetAt(now);
  const today = Math.floor(localNow / day) * day;
  const instant = (local: number): number => zone.instantOf(local);
  const span = (start: number, end: number): Span => ({
    start: instant(start),
    end: instant(end),
  });
  const { year, month, date, weekday, time } = partsOf(localNow);

  return {
    now,
    zone,
    unit(unit, offset) {
      if (unit === 'day') return span(today + offset * day, today + (offset + 1) * day);
      if (unit === 'month')
        return span(Date.UTC(year, month + offset, 1), Date.UTC(year, month + offset + 1, 1));
      if (unit === 'year')
        return span(Date.UTC(year + offset, 0, 1), Date.UTC(year + offset + 1, 0, 1));
      const monday = today - ((weekday + 6) % 7) * day + offset * 7 * day;
      return span(monday, monday + 7 * day);
    },
    lastWeekday(wanted) {
      const back = (weekday - wanted + 6) % 7;
      const start = today - (back + 1) * day;
      return span(start, start + day);
    },
    rolling(unit, count) {
      const start =
        unit === 'day' || unit === 'week'
          ? localNow - count * (unit === 'day' ? 1 : 7) * day
          : backByMonths({ year, month, date, time }, unit === 'month' ? count : count * 12);
      return { start: instant(start), end: now };
    },
    hours(ofDay, from, to) {
      const midnight = Math.floor((ofDay.start + zone.offsetAt(ofDay.start)) / day) * day;
      return span(midnight + from * 3_600_000, midnight + to * 3_600_000);
    },
    date(aYear, aMonth, aDate) {
      if (aMonth === undefined) return span(Date.UTC(aYear, 0, 1), Date.UTC(aYear + 1, 0, 1));
      if (aDate === undefined)
        return span(Date.UTC(aYear, aMonth - 1, 1), Date.UTC(aYear, aMonth, 1));
      const start = Date.UTC(aYear, aMonth - 1, aDate);
      return span(start, start + day);
    },
    instant,
  };
}

function partsOf(local: number): {
  year: number;
  month: number;
  date: number;
  weekday: number;
  time: number;
} {
  const at = new Date(local);
  return {
    year: at.getUTCFullYear(),
    month: at.getUTCMonth(),
    date: at.getUTCDate(),
    weekday: at.getUTCDay(),
    time: ((local % day) + day) % day,
  };
}

/** The same day of an earlier month, or its last one where it is shorter. */
function backByMonths(
  { year, month, date, time }: { year: number; month: number; date: number; time: number },
  count: number,
): number {
  const last = new Date(Date.UTC(year, month - count + 1, 0)).getUTCDate();
  return Date.UTC(year, month - count, Math.min(date, last)) + time;
}
