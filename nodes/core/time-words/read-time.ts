import { de, en, es, fr, type ParsedResult } from 'chrono-node';
import { isObject } from '../document.ts';
import { invalidParam } from '../params.ts';
import { quoted } from '../rpc/quoted.ts';
import { parseTimestamp } from '../telemetry/timestamp.ts';
import { createCalendar, type Calendar, type Span } from './calendar.ts';
import {
  calendarNames,
  countNames,
  dayParts,
  monthNames,
  unitNames,
  weekdayNames,
} from './words.ts';

/** A span of time as it was asked for, and what it was taken to be. */
export interface TimeRange extends Span {
  understood: {
    /** ISO 8601 in UTC: start inclusive, end exclusive. */
    start: string;
    end: string;
    /** By whose clock words such as "today" were read. */
    time_zone: string;
    /** What was asked for, if it was said in words. */
    said?: string;
  };
}

export interface TimeOptions {
  /** Milliseconds since the epoch. */
  now: number;
  /** IANA name. */
  zone: string;
  /** The param the time is in, for errors. */
  field: string;
}

const longestText = 100;
const examples = ['last 24h', 'yesterday', 'since Monday', '2026-11-01 to 2026-11-07'];
const elapsed = { second: 1_000, minute: 60_000, hour: 3_600_000 };
const mostUnits = 10_000;

/**
 * Reads a span of time: words such as "last 24h", "yesterday" or "since Monday" in English, German, French or
 * Spanish, ISO 8601 (an interval, a date, a month, a year, a duration that ends now), or `{ start, end }` of instants
 * or words. Words that could mean two things are not guessed at.
 * @throws RpcError -32602 with what would have been understood
 */
export function readTimeRange(value: unknown, options: TimeOptions): TimeRange {
  const calendar = createCalendar(options.now, options.zone);
  const span =
    typeof value === 'string'
      ? spanOf(value, calendar, options)
      : isObject(value)
        ? pairOf(value, calendar, options)
        : undefined;
  if (!span) throw notUnderstood(value, options);
  if (span.start >= span.end)
    throw invalidParam(
      options.field,
      `${options.field} must begin before it ends; it was understood as ${iso(span.start)} to ${iso(span.end)}`,
      { suggestions: [`Give a span that begins before it ends, such as "${examples[0]}".`] },
    );
  return {
    ...span,
    understood: {
      start: iso(span.start),
      end: iso(span.end),
      time_zone: options.zone,
      ...(typeof value === 'string' && { said: quoted(value) }),
    },
  };
}

/**
 * Reads one end of a span: an instant, or a word for a span of which that end is meant.
 * @throws RpcError -32602
 */
export function readEdge(
  value: unknown,
  edge: 'start' | 'end',
  options: TimeOptions & { calendar?: Calendar },
): number {
  const calendar = options.calendar ?? createCalendar(options.now, options.zone);
  const at = edgeOf(value, edge, calendar, options);
  if (at === undefined) throw notUnderstood(value, options);
  return at;
}

const iso = (at: number): string => new Date(at).toISOString();

function pairOf(
  { start, end, ...others }: Record<string, unknown>,
  calendar: Calendar,
  options: TimeOptions,
): Span | undefined {
  const { field } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    throw invalidParam(`${field}.${unknown.slice(0, 64)}`, `${field} has start and end only`, {
      fix: { remove: [`${field}.${unknown.slice(0, 64)}`] },
    });
  if (start === undefined)
    throw invalidParam(`${field}.start`, `${field}.start is missing`, {
      expected: { type: 'string', example: '2025-09-30T00:00:00Z' },
    });
  return {
    start: readEdge(start, 'start', { ...options, calendar, field: `${field}.start` }),
    end: readEdge(end ?? 'now', 'end', { ...options, calendar, field: `${field}.end` }),
  };
}

function edgeOf(
  value: unknown,
  edge: 'start' | 'end',
  calendar: Calendar,
  options: TimeOptions,
): number | undefined {
  if (typeof value === 'number')
    return Number.isFinite(value) && Math.abs(value) <= 8.64e15 ? Math.trunc(value) : undefined;
  if (typeof value !== 'string') return undefined;
  const text = fold(value, options);
  if (/^(?:now|jetzt|maintenant|ahora)$/.test(text)) return calendar.now;
  const instant = instantOf(value.trim(), text, calendar);
  if (instant !== undefined) return instant;
  return wholeOf(text, calendar)?.[edge] ?? chronoInstant(text, calendar);
}

/** ISO 8601 with a time of the day, or "3 hours ago"; local where it names no offset. */
function instantOf(text: string, folded: string, calendar: Calendar): number | undefined {
  if (/^\d{4}-\d{2}-\d{2}[Tt ]\d/.test(text)) {
    const read = parseTimestamp(/^.{10}[Tt ]\d{2}:\d{2}$/.test(text) ? `${text}:00` : text);
    if (read === undefined) return undefined;
    return /[Zz]$|[+-]\d{2}:?\d{2}$/.test(text.slice(10)) ? read : calendar.instant(read);
  }
  const ago =
    /^(?:vor |il y a |hace )?(?:-)?(\S+?) ?([a-z]+?)(?: ago| atras)?$/.exec(folded) ?? undefined;
  const isAgo = /^(?:-|vor |il y a |hace )| ago$| atras$/.test(folded);
  return ago && isAgo ? backFrom(calendar, ago[1], ago[2])?.start : undefined;
}

/** From so many units ago until now. */
function backFrom(calendar: Calendar, count = '', unitName = ''): Span | undefined {
  const amount = /^\d{1,5}(?:[.,]\d+)?$/.test(count)
    ? Number(count.replace(',', '.'))
    : countNames[count];
  const unit = unitNames[unitName];
  if (amount === undefined || unit === undefined || !(amount > 0 && amount <= mostUnits))
    return undefined;
  if (unit === 'second' || unit === 'minute' || unit === 'hour')
    return { start: calendar.now - amount * elapsed[unit], end: calendar.now };
  if (!Number.isInteger(amount))
    return unit === 'day'
      ? { start: calendar.now - amount * 86_400_000, end: calendar.now }
      : undefined;
  return calendar.rolling(unit, amount);
}

const lasts =
  'last|past|previous|letzte|letzten|letzter|letztes|vergangenen|vergangene|(?:les |las |los |la |le |el )?(?:dernier|derniers|derniere|dernieres|ultimos|ultimas|ultimo|ultima)';
const rollingForm = new RegExp(
  `^(?:(?:in|over|during|for|wahrend|pendant|durante) )?(?:(?:the|der|den|die|das) )?(?:${lasts}) (?:(\\d{1,5}(?= ?[a-z])|[a-z-]+(?= )) ?)?([a-z]+)$`,
);
/** "les 3 derniers jours": the number before the word. */
const frenchForm =
  /^(?:les |las |los )?(\d{1,5}) (?:derniers?|dernieres?|ultimos|ultimas) ([a-z]+)$/;
const shortForm = /^(\d{1,5}) ?([a-z]+)$/;
const sinceForm = /^(?:since|seit|depuis|desde|ab|from) (.+)$/;
const pairForms = [
  /^(?:between|zwischen|entre) (.+?) (?:and|und|et|y) (.+)$/,
  /^(?:from|von|vom|de|du|desde) (.+?) (?:to|until|till|bis|bis zum|a|au|jusqu a|hasta) (.+)$/,
  /^(.+?) (?:to|until|till|bis|hasta|jusqu a|\u2013|-) (.+)$/,
  /^([^/ ]+)\/([^/ ]+)$/,
];

function spanOf(value: string, calendar: Calendar, options: TimeOptions): Span | undefined {
  const text = fold(value, options);
  const whole = wholeOf(text, calendar);
  if (whole) return whole;
  const duration = /^p(?:(\d+)d)?(?:t(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?)?$/.exec(text);
  if (duration && text.length > 2) {
    const [days = 0, hours = 0, minutes = 0, seconds = 0] = duration
      .slice(1)
      .map((n) => Number(n || 0));
    const ms = ((days * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1_000;
    return { start: calendar.now - ms, end: calendar.now };
  }
  const dates = chronoSpan(text, calendar, 'dates');
  if (dates) return dates;
  const since = sinceForm.exec(text)?.[1];
  for (const form of pairForms) {
    const [, from, to] = form.exec(text) ?? [];
    const pair = from !== undefined && to !== undefined && edges(from, to, calendar, options);
    if (pair) return pair;
  }
  if (since !== undefined) {
    const start = edgeOf(since, 'start', calendar, options);
    return start === undefined ? undefined : { start, end: calendar.now };
  }
  return chronoSpan(text, calendar);
}

/** Two ends; times of the day alone are of the day that the other end names, or today. */
function edges(
  from: string,
  to: string,
  calendar: Calendar,
  options: TimeOptions,
): Span | undefined {
  const { time: fromTime, ofDay: fromDay } = splitDay(from);
  const { time: toTime, ofDay: toDay } = splitDay(to);
  if (toTime !== undefined) {
    const ofDay = wholeOf(toDay ?? fromDay ?? 'today', calendar);
    const startHour = fromTime ?? from;
    const first = hourOf(startHour);
    const last = hourOf(toTime);
    if (ofDay && first !== undefined && last !== undefined)
      return calendar.hours(ofDay, first, last <= first ? last + 24 : last);
  }
  const start = edgeOf(from, 'start', calendar, options);
  const end = edgeOf(to, 'end', calendar, options);
  return start === undefined || end === undefined ? undefined : { start, end };
}

const timeOfDay = String.raw`\d{1,2}(?:[:.h]\d{2})? ?(?:am|pm|uhr|h)?`;
const dayThenTime = new RegExp(`^(.+?) (?:at |um |a |a las )?(${timeOfDay})$`);
const timeThenDay = new RegExp(`^(${timeOfDay})(?: (?:on |of |am |de |du )?(.+))?$`);

/** "10am today" is a time and a day; a bare number is a time here. */
function splitDay(text: string): { time?: string | undefined; ofDay?: string | undefined } {
  const [, time, ofDay] = timeThenDay.exec(text) ?? [];
  if (time !== undefined) return ofDay === undefined || weekOrDay(ofDay) ? { time, ofDay } : {};
  const [, before, behind] = dayThenTime.exec(text) ?? [];
  return weekOrDay(before) ? { time: behind, ofDay: before } : {};
}

const weekOrDay = (text: string | undefined): boolean =>
  text !== undefined && (Object.hasOwn(calendarNames, text) || Object.hasOwn(weekdayNames, text));

/** Hours since midnight. */
function hourOf(text: string): number | undefined {
  const [, hours, minutes = '0', half] =
    /^(\d{1,2})(?:[:.h](\d{2}))? ?(am|pm|uhr|h)?$/.exec(text) ?? [];
  if (hours === undefined) return undefined;
  const hour = Number(hours);
  if (hour > 24 || Number(minutes) > 59) return undefined;
  if (half === 'am' || half === 'pm') {
    if (hour < 1 || hour > 12) return undefined;
    return (hour % 12) + (half === 'pm' ? 12 : 0) + Number(minutes) / 60;
  }
  return hour + Number(minutes) / 60;
}

/** A day, a week, a month, a year, a part of a day, or so many units until now. */
function wholeOf(text: string, calendar: Calendar): Span | undefined {
  const named = Object.hasOwn(calendarNames, text) ? calendarNames[text] : undefined;
  if (named) {
    const span = calendar.unit(...named);
    return named[1] === 0
      ? { start: span.start, end: Math.max(calendar.now, span.start + 1) }
      : span;
  }
  const [, year, month, date] = /^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$/.exec(text) ?? [];
  if (year !== undefined) return civil(calendar, year, month, date);
  const weekday =
    /^(?:(?:on|am|on the|last|letzten|letzter|le|el|lundi dernier) )?([a-z]+?)(?: dernier| pasado)?$/.exec(
      text,
    )?.[1];
  if (weekday !== undefined && Object.hasOwn(weekdayNames, weekday))
    return calendar.lastWeekday(weekdayNames[weekday] as number);
  return partOf(text, calendar) ?? monthOf(text, calendar) ?? rollingOf(text, calendar);
}

function civil(
  calendar: Calendar,
  year: string,
  month: string | undefined,
  date: string | undefined,
): Span | undefined {
  if (month !== undefined && (Number(month) < 1 || Number(month) > 12)) return undefined;
  if (date === undefined)
    return calendar.date(Number(year), month === undefined ? undefined : Number(month));
  const last = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  if (Number(date) < 1 || Number(date) > last) return undefined;
  return calendar.date(Number(year), Number(month), Number(date));
}

/** "this morning", "yesterday evening", "last night", "gestern abend", "hier soir". */
function partOf(text: string, calendar: Calendar): Span | undefined {
  const [, which, part] =
    /^(?:(.+?) )?(?:in the |au |par la |por la |am |de la )?([a-z-]+)$/.exec(text) ?? [];
  if (part === undefined || !Object.hasOwn(dayParts, part)) return undefined;
  const hours = dayParts[part] as readonly [number, number];
  if (which === undefined)
    return part === 'tonight' ? calendar.hours(calendar.unit('day', 0), ...hours) : undefined;
  if (/^(?:this|heute|diesen|ce|cet|cette|esta|hoy|today)$/.test(which))
    return calendar.hours(calendar.unit('day', 0), ...hours);
  if (/^(?:last|letzte|letzten|la)$/.test(which))
    return calendar.hours(calendar.unit('day', -1), ...hours);
  if (Object.hasOwn(calendarNames, which) && calendarNames[which]?.[0] === 'day')
    return calendar.hours(
      calendar.unit('day', (calendarNames[which] as readonly [string, number])[1]),
      ...hours,
    );
  if (Object.hasOwn(weekdayNames, which))
    return calendar.hours(calendar.lastWeekday(weekdayNames[which] as number), ...hours);
  return undefined;
}

/** "November 2026", or the newest November that has begun. */
function monthOf(text: string, calendar: Calendar): Span | undefined {
  const [, name, year] = /^(?:in |im |en )?([a-z]+)\.?(?: (?:de |of )?(\d{4}))?$/.exec(text) ?? [];
  if (name === undefined || !Object.hasOwn(monthNames, name)) return undefined;
  const month = monthNames[name] as number;
  if (year !== undefined) return calendar.date(Number(year), month);
  const thisYear = new Date(calendar.now + calendar.zone.offsetAt(calendar.now)).getUTCFullYear();
  const span = calendar.date(thisYear, month);
  return span.start <= calendar.now ? span : calendar.date(thisYear - 1, month);
}

function rollingOf(text: string, calendar: Calendar): Span | undefined {
  const [, count, unit] =
    rollingForm.exec(text) ?? frenchForm.exec(text) ?? shortForm.exec(text) ?? [];
  return unit === undefined ? undefined : backFrom(calendar, count ?? '1', unit);
}

/** What a library reads in it, if that is all of it. */
function chronoOf(text: string, calendar: Calendar): ParsedResult | undefined {
  // 3/4/2026 is in March or in April; long numbers and dates that do not exist are cut or moved by the library.
  if (/\b\d{1,2}\/\d{1,2}\b|\d{6}|^\S*\d{4}-\d\S*$/.test(text)) return undefined;
  const reference = {
    instant: new Date(calendar.now),
    timezone: calendar.zone.offsetAt(calendar.now) / 60_000,
  };
  for (const locale of [en, de, fr, es]) {
    const [found, more] = locale.casual.parse(text, reference, { forwardDate: false });
    if (found && !more && found.index <= 3 && found.text.length + found.index >= text.length)
      return found;
  }
  return undefined;
}

type Parts = ParsedResult['start'];

const localOf = (parts: Parts, calendar: Calendar): number =>
  parts.isCertain('timezoneOffset')
    ? parts.date().getTime()
    : calendar.instant(
        Date.UTC(
          parts.get('year') ?? 1970,
          (parts.get('month') ?? 1) - 1,
          parts.get('day') ?? 1,
          parts.get('hour') ?? 0,
          parts.get('minute') ?? 0,
          parts.get('second') ?? 0,
        ),
      );
const dayOf = (parts: Parts, calendar: Calendar): Span =>
  calendar.date(parts.get('year') ?? 1970, parts.get('month') ?? 1, parts.get('day') ?? 1);

/** @param only two dates and no words that lean on today */
function chronoSpan(text: string, calendar: Calendar, only?: 'dates'): Span | undefined {
  const found = chronoOf(text, calendar);
  if (!found) return undefined;
  const { start, end } = found;
  if (only && !(end && start.isCertain('day') && end.isCertain('day') && start.isCertain('month')))
    return undefined;
  if (end)
    return {
      start: start.isCertain('hour') ? localOf(start, calendar) : dayOf(start, calendar).start,
      end: end.isCertain('hour') ? localOf(end, calendar) : dayOf(end, calendar).end,
    };
  // A time of the day is a moment and no span.
  return start.isCertain('hour') || !start.isCertain('day') ? undefined : dayOf(start, calendar);
}

function chronoInstant(text: string, calendar: Calendar): number | undefined {
  const found = chronoOf(text, calendar);
  if (!found || found.end) return undefined;
  const { start } = found;
  return start.isCertain('hour') ? localOf(start, calendar) : dayOf(start, calendar).start;
}

/** Lower case, without accents and what ends a sentence; single spaces. */
function fold(value: string, { field }: TimeOptions): string {
  if (value.length > longestText)
    throw invalidParam(field, `${field} may have ${longestText} characters at most`, {
      max: longestText,
    });
  return value
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/['\u2019]/g, ' ')
    .replace(/[.?!,]+$/, '')
    .replace(/\s+/g, ' ')
    .trim();
}

function notUnderstood(value: unknown, { field }: TimeOptions): Error {
  const said = typeof value === 'string' ? ` ${quoted(value)}` : '';
  return invalidParam(field, `${field}${said} is not a time the hub understands`, {
    expected: /\.(?:start|end)$/.test(field)
      ? { type: 'string', format: 'date-time', example: '2025-09-30T00:00:00Z' }
      : { type: 'string', example: examples[0] },
    suggestions: [
      `Set ${field} to words such as ${examples.map((one) => `"${one}"`).join(', ')}.`,
      `Or give ISO 8601: { "start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z" }.`,
    ],
  });
}
