import type { DeviceRecord } from '../device/types.ts';
import type { JsonObject } from '../document.ts';
import { invalidParam, optionalString } from '../params.ts';
import { earliestOf } from '../security/scope-rules.ts';
import type { Principal } from '../security/types.ts';
import { cleanText } from '../text.ts';
import type { LatestReading } from '../telemetry/ports.ts';
import { markUntrusted } from '../untrusted.ts';
import { budgetOf, fitBudget, type Truncated } from './budget.ts';
import type { AnswerDeps } from './deps.ts';
import { evidenceQuery, freshness } from './evidence.ts';
import { seriesName } from './series.ts';
import { chooseSeries } from './targets.ts';
import { unitCode } from './units.ts';
import { cutText, plural, seriesText, spanText, valueText } from './wording.ts';

const untrusted = [
  'understood.measurement',
  ...['name', 'measurement_type', 'unit', 'value', 'evidence.query.measurement_types'].map(
    (field) => `readings[].${field}`,
  ),
];
const fewReadings = 5;
const longestText = { concise: 160, full: 1_000 };
const leastPatienceMs = 60_000;
/** So many intervals in which a device says nothing, and what it said is stale. */
const patience = 3;
const longestSummary = 300;

/** `telemetry.read`: the newest reading of each series, how old it is, and whether it can still be relied on. */
export function readLatest(
  params: JsonObject,
  principal: Principal | undefined,
  deps: AnswerDeps,
): object {
  const { storeName, devices, clock } = deps;
  const { maxBytes, detail } = budgetOf(params);
  const maxAge = readAge(params);
  const now = clock.now();
  const { series, named, measurement } = chooseSeries(params, principal, deps, {
    needsDevice: false,
  });
  const earliest = earliestOf(principal?.scope, now);
  const all = series.filter(({ timestamp }) => timestamp >= earliest);
  const after = optionalString(params, 'cursor');
  const rest = after === undefined ? all : all.filter((one) => seriesName(one) > after);
  const isFew = all.length <= fewReadings;

  const items = rest.map((reading) => {
    const { device_id, sensor_id, measurement_type, unit, value, quality, timestamp } = reading;
    const device = devices.resolve(device_id)?.device;
    const code = unitCode(unit);
    const text = typeof value === 'string' ? cleanText(value, longestText[detail]) : value;
    return {
      device_id,
      ...(sensor_id !== undefined && { sensor_id }),
      ...(device && { name: cleanText(device.name, 64) }),
      measurement_type,
      value: text,
      ...(text !== value && { value_cut: true }),
      ...(unit !== undefined && { unit }),
      ...(code !== undefined && { unit_code: code }),
      at: new Date(timestamp).toISOString(),
      ...freshness(reading, now, maxAge ?? patienceWith(device)),
      quality,
      ...(device && { device_status: device.status }),
      ...((isFew || detail === 'full') && {
        evidence: {
          store: storeName,
          query: evidenceQuery(reading, 'last', { start: timestamp, end: timestamp + 1 }),
        },
      }),
    };
  });
  const summary = cutText(summaryOf(all, items[0], named.length, deps), longestSummary);
  return fitBudget({
    items,
    total: rest.length,
    maxBytes,
    cursorOf: (_last, index) => {
      const last = rest[index];
      return last ? seriesName(last) : after;
    },
    answer: (readings, truncated: Truncated | undefined) =>
      markUntrusted(
        {
          summary,
          understood: {
            now: new Date(now).toISOString(),
            devices: named.slice(0, 5).map(idOf),
            ...(measurement !== undefined && { measurement: cutText(measurement, 80) }),
            ...(maxAge !== undefined && { max_age_s: maxAge / 1_000 }),
          },
          readings,
          ...(truncated && { truncated }),
        },
        untrusted,
      ),
  });
}

const idOf = ({ device_id, sensor_id }: { device_id: string; sensor_id?: string }): string =>
  sensor_id ?? device_id;

/** Milliseconds without news after which what a device said is stale. */
export const patienceWith = (device: DeviceRecord | undefined): number =>
  Math.max(leastPatienceMs, (device?.telemetry_interval ?? 0) * patience * 1_000);

/** `max_age`: seconds, or such as `15m` or `PT15M`. */
function readAge(params: JsonObject): number | undefined {
  const value = params['max_age'] ?? undefined;
  if (value === undefined) return undefined;
  const text = typeof value === 'number' ? `${value}s` : value;
  const [, amount, unit] =
    (typeof text === 'string' && /^(?:PT?)?(\d{1,9}(?:\.\d{1,3})?) ?([smhd]?)$/i.exec(text)) || [];
  const ms = { '': 1_000, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const age = Number(amount) * ms[(unit ?? '').toLowerCase() as keyof typeof ms];
  if (age > 0) return age;
  throw invalidParam('max_age', 'max_age must be seconds, or a span such as 15m, 2h or PT15M', {
    expected: { type: 'string', example: '15m' },
  });
}

function summaryOf(
  all: readonly LatestReading[],
  first: { age_s: number; stale: boolean; name?: string } | undefined,
  asked: number,
  { devices }: Pick<AnswerDeps, 'devices'>,
): string {
  const [only] = all;
  if (!only || !first)
    return all.length > 0
      ? 'Nothing is left after this cursor.'
      : 'There is no stored reading of this.';
  const device = devices.resolve(only.device_id)?.device;
  const offline = new Set(
    all.flatMap(({ device_id: id }) =>
      devices.resolve(id)?.device.status === 'offline' ? [id] : [],
    ),
  );
  if (all.length === 1)
    return (
      `${seriesText(device?.name ?? only.device_id, only)} is ${valueText(only.value, only.unit)}, ` +
      `measured ${spanText(first.age_s)} ago${first.stale ? ', which is stale' : ''}; ` +
      `the device is ${device?.status ?? 'unknown'}.`
    );
  const count = new Set(all.map(({ device_id: id }) => id)).size;
  return (
    `${plural(all.length, 'newest reading')} of ${plural(count, 'device')}` +
    `${asked === 0 ? ' (all there are)' : ''}; ${offline.size} of them offline.`
  );
}
