import type { DeviceRegistry } from '../device/ports.ts';
import { deviceStatuses, type DeviceRecord, type DeviceStatus } from '../device/types.ts';
import { budgetOf, fitBudget, type Truncated } from '../answer/budget.ts';
import { jsonSize, type JsonObject } from '../document.ts';
import { invalidParam, optionalNumber, optionalString, optionalWord } from '../params.ts';
import type { Principal } from '../security/types.ts';
import { cleanText } from '../text.ts';
import { markUntrusted } from '../untrusted.ts';
import { kindOf, whereOf } from './kind-of.ts';
import { measuredBy } from './terms.ts';
import type { Resolver } from './types.ts';

const limits = { usual: 10, max: 100 };
const mostCounted = 12;
const mostMeasurements = 12;
const mostNamed = 3;

export interface FoundDevice {
  device_id: string;
  name: string;
  where?: string;
  /** In the hub's own words. */
  kind: string;
  measurements: string[];
  status: DeviceStatus;
  /** ISO 8601. */
  last_seen: string;
  device_type?: string;
  model?: string;
  labels?: Record<string, string>;
  aliases?: string[];
  commands?: string[];
}

export interface FoundDevices {
  /** What was found, in one or two sentences of the hub's own. */
  summary: string;
  /** How many fit. */
  total: number;
  counts: {
    status: Record<DeviceStatus, number>;
    kind: { kind: string; devices: number }[];
    room: { where: string; devices: number }[];
  };
  devices: FoundDevice[];
  /** `nearest`: nothing fits, and this is what comes nearest. */
  match: 'exact' | 'nearest' | 'all';
  cursor?: string;
  truncated?: Truncated;
  untrusted: string[];
}

interface FindDeps {
  resolver: Resolver;
  devices: DeviceRegistry;
}

const filters = ['query', 'room', 'kind', 'measurement'] as const;

/**
 * `device.find`: `{ query?, room?, kind?, measurement?, status?, limit?, cursor?, detail?, max_bytes? }`, all in plain
 * language. What all of them fit is found; what there is near it, where nothing fits.
 * @throws RpcError -32602
 */
export function findDevices(
  { resolver, devices }: FindDeps,
  params: JsonObject,
  principal: Principal | undefined,
): FoundDevices {
  const seen = devices.seenBy(principal);
  const status = optionalWord(params, 'status', deviceStatuses);
  const { ids, match } = chosen(resolver, seen, params, principal);
  const found = ids.flatMap((id) => {
    const device = seen.resolve(id)?.device;
    return device && (!status || device.status === status) ? [device] : [];
  });
  const limit =
    optionalNumber(params, 'limit', { min: 1, max: limits.max, integer: true }) ?? limits.usual;
  const { maxBytes, detail } = budgetOf(params);
  const start = startOf(found, optionalString(params, 'cursor'));
  const counts = countsOf(seen, found);
  const page = found
    .slice(start, start + limit)
    .map((device) => showFound(seen, device, detail === 'full'));

  const fit = (): FoundDevices =>
    fitBudget({
      items: page,
      total: found.length - start,
      maxBytes,
      cursorOf: (last, index) => `${start + index + 1}/${last?.device_id ?? '-'}`,
      answer: (list, truncated): FoundDevices =>
        markUntrusted(
          {
            summary: summaryOf(found.length, list.length, match, counts, start),
            total: found.length,
            counts,
            devices: list,
            match,
            ...(truncated && { truncated }),
            ...(truncated?.cursor !== undefined && { cursor: truncated.cursor }),
          },
          untrustedPaths,
        ),
    });
  const answer = fit();
  if (jsonSize(answer) <= maxBytes) return answer;
  counts.room.length = 0;
  return fit();
}

const untrustedPaths = [
  'counts.room[].where',
  ...['name', 'where', 'measurements', 'device_type', 'model', 'labels', 'aliases', 'commands'].map(
    (field) => `devices[].${field}`,
  ),
];

function chosen(
  resolver: Resolver,
  seen: DeviceRegistry,
  params: JsonObject,
  principal: Principal | undefined,
): { ids: readonly string[]; match: FoundDevices['match'] } {
  const phrases = filters.flatMap((field) => {
    const phrase = optionalString(params, field)?.trim();
    return phrase ? [{ field, phrase }] : [];
  });
  if (phrases.length === 0)
    return { ids: [...seen.deviceIds()].filter((id) => seen.resolve(id)), match: 'all' };
  const answers = phrases.map(({ field, phrase }) => search(resolver, phrase, principal, field));
  const exact = answers.every((answer) => answer.exact);
  const [first, ...rest] = answers.filter((answer) => answer.exact === exact || !exact);
  const others = rest.map(({ ids }) => new Set(ids));
  const both = (first?.ids ?? []).filter((id) => others.every((set) => set.has(id)));
  if (exact && both.length > 0) return { ids: both, match: 'exact' };
  // What fits most of them, the best of each first.
  const votes = new Map<string, number>();
  for (const { ids } of answers)
    ids
      .slice(0, limits.max)
      .forEach((id, at) => votes.set(id, (votes.get(id) ?? 0) + 1 / (at + 1)));
  const near = [...votes].sort(([, a], [, b]) => b - a).map(([id]) => id);
  return { ids: near.slice(0, limits.usual), match: 'nearest' };
}

function search(
  resolver: Resolver,
  phrase: string,
  principal: Principal | undefined,
  field: string,
): { ids: string[]; exact: boolean } {
  if (phrase.length > 200)
    throw invalidParam(field, `${field} may have 200 characters at most`, { limit: 200 });
  const byName = resolver.resolve(phrase, { principal });
  const all = resolver.resolve(phrase, { principal, all: true, limit: limits.max });
  const idsOf = (list: readonly { device_id?: string }[]): string[] =>
    [...new Set(list.map(({ device_id = '' }) => device_id))].filter((id) => id !== '');
  const named = idsOf(byName.targets);
  const fitting = idsOf(all.targets);
  if (fitting.length > 0 || named.length > 0)
    return { ids: [...new Set([...named, ...fitting])], exact: true };
  return { ids: idsOf(all.candidates), exact: all.status === 'ambiguous' };
}

/** Where a page begins: after the device its cursor names, or at its place if that is gone. */
function startOf(found: readonly DeviceRecord[], cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  const [, at, id] = /^(\d{1,7})\/(.{1,128})$/.exec(cursor) ?? [];
  if (at === undefined)
    throw invalidParam('cursor', 'cursor must be one that an earlier answer gave');
  const index = found.findIndex(({ device_id }) => device_id === id);
  return index >= 0 ? index + 1 : Math.min(Number(at), found.length);
}

function countsOf(seen: DeviceRegistry, found: readonly DeviceRecord[]): FoundDevices['counts'] {
  const kinds = new Map<string, number>();
  const rooms = new Map<string, number>();
  const status = { online: 0, offline: 0 };
  for (const device of found) {
    status[device.status] += 1;
    const kind = kindOf(device, measuresAny(seen, device));
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    const where = cleanText(whereOf(device), 64);
    if (where !== '') rooms.set(where, (rooms.get(where) ?? 0) + 1);
  }
  const most = (counts: Map<string, number>): [string, number][] =>
    [...counts].sort(([, a], [, b]) => b - a).slice(0, mostCounted);
  return {
    status,
    kind: most(kinds).map(([kind, devices]) => ({ kind, devices })),
    room: most(rooms).map(([where, devices]) => ({ where, devices })),
  };
}

const measuresAny = (seen: DeviceRegistry, device: DeviceRecord): boolean =>
  device.measurements.length > 0 || seen.sensorsOf(device.device_id).length > 0;

function showFound(seen: DeviceRegistry, device: DeviceRecord, full: boolean): FoundDevice {
  const { device_id, name, status, device_type, model, labels, aliases, commands } = device;
  const where = whereOf(device);
  const types = measuredBy(device, seen.sensorsOf(device_id)).map((one) => one.measurement_type);
  const measurements = [...new Set(types)].sort();
  return {
    device_id,
    name,
    ...(where !== undefined && { where }),
    kind: kindOf(device, measurements.length > 0),
    measurements: full ? measurements : measurements.slice(0, mostMeasurements),
    status,
    last_seen: new Date(seen.lastSeen(device_id)).toISOString(),
    ...(full && {
      device_type,
      ...(model !== undefined && { model }),
      labels,
      ...(aliases && { aliases }),
      commands: commands.map((command) => command.name),
    }),
  };
}

function summaryOf(
  total: number,
  shown: number,
  match: FoundDevices['match'],
  { status, kind }: FoundDevices['counts'],
  start: number,
): string {
  if (total === 0) return 'No device is here that you may see and that fits.';
  const some = kind
    .slice(0, mostNamed)
    .map((one) => `${one.devices} ${one.kind.replaceAll('_', ' ')}`)
    .join(', ');
  const what = match === 'nearest' ? 'Nothing fits all of it; nearest' : 'Found';
  const devices = total === 1 ? '1 device' : `${total} devices`;
  const page =
    shown < total ? ` Shown are ${shown}${start > 0 ? `, from number ${start + 1} on` : ''}.` : '';
  return `${what}: ${devices} (${some}), ${status.online} online, ${status.offline} offline.${page}`;
}
