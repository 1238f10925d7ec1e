import { timeZone } from '../telemetry/time-zone.ts';
import { weekdays, type PolicyRule } from './policy.ts';

const day = 86_400_000;
const minute = 60_000;

/** When the quiet hours end that it is in now; undefined outside of them. @param now milliseconds since the epoch */
export function quietUntil(
  hours: NonNullable<PolicyRule['quiet_hours']>,
  now: number,
): number | undefined {
  const zone = timeZone(hours.time_zone);
  const [from, to] = [minutesOf(hours.from), minutesOf(hours.to)];
  const local = now + zone.offsetAt(now);
  const today = Math.floor(local / day) * day;
  // Hours over midnight may have begun yesterday; where the clock changes, local midnight may be another day's.
  for (const date of [today - day, today, today + day]) {
    if (hours.days && !hours.days.includes(weekdayOf(date))) continue;
    const start = zone.instantOf(date + from * minute);
    const end = zone.instantOf(date + to * minute + (to < from ? day : 0));
    if (now >= start && now < end) return end;
  }
  return undefined;
}

function minutesOf(text: string): number {
  const [hour, rest] = text.split(':').map(Number);
  return (hour ?? 0) * 60 + (rest ?? 0);
}

/** 1 January 1970 was a Thursday. */
function weekdayOf(date: number): (typeof weekdays)[number] {
  return weekdays[(((date / day + 3) % 7) + 7) % 7] ?? 'mon';
}
