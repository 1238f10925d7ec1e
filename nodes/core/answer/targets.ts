import type { DeviceRegistry } from '../device/ports.ts';
import type { JsonObject } from '../document.ts';
import { invalidParam, optionalString } from '../params.ts';
import { nearest } from '../rpc/suggest.ts';
import type { Principal } from '../security/types.ts';
import type { LatestReading, TelemetryStore } from '../telemetry/ports.ts';
import { seriesOf } from './series.ts';

/** What a phrase, a name or an id stands for. */
export interface Named {
  device_id: string;
  sensor_id?: string;
  measurement_type?: string;
}

/** @throws RpcError for what is not known, or could be several; `field` is where the phrase stands */
export type ResolveDevice = (
  phrase: string,
  principal: Principal | undefined,
  field: string,
) => Named;

/** The series a question is about, and as what it was understood. */
export interface Chosen {
  series: LatestReading[];
  named: Named[];
  measurement?: string;
}

const mostDevices = 20;
const longestPhrase = 256;
const mostListed = 30;

/**
 * Reads `device` or `devices`, and `measurement`. Without a device it is every device the principal may know of.
 * @throws RpcError -32602, and what `resolve` throws
 */
export function chooseSeries(
  params: JsonObject,
  principal: Principal | undefined,
  deps: {
    store: Pick<TelemetryStore, 'latest'>;
    devices: Pick<DeviceRegistry, 'canSee' | 'deviceIds'>;
    resolve: ResolveDevice;
    resolveAll: (...phrase: Parameters<ResolveDevice>) => Named[];
  },
  options: { needsDevice: boolean; one?: boolean },
): Chosen {
  const { store, devices, resolve, resolveAll } = deps;
  const named = phrasesOf(params).flatMap(({ phrase, field }) =>
    options.one ? resolve(phrase, principal, field) : resolveAll(phrase, principal, field),
  );
  if (named.length === 0 && options.needsDevice)
    throw invalidParam('device', 'device is missing; name a device by its id or its name', {
      look_up: { method: 'device.list', take: 'devices[].device_id' },
    });
  const ids =
    named.length > 0
      ? named.map(({ device_id, sensor_id }) => sensor_id ?? device_id)
      : [...devices.deviceIds()];
  const visible = ids.filter((id) => devices.canSee(principal, id));
  const all = visible.length === 0 ? [] : seriesOf(store, [...new Set(visible)]);
  const wanted = optionalString(params, 'measurement');
  if (wanted !== undefined && wanted.length > longestPhrase)
    throw invalidParam('measurement', `measurement may have ${longestPhrase} characters at most`);
  const measurement = wanted === undefined || wanted === '' ? undefined : typeOf(wanted, all);
  const implied = new Map(
    named.flatMap(({ device_id, sensor_id, measurement_type: type }) =>
      type === undefined ? [] : [[sensor_id ?? device_id, type] as const],
    ),
  );
  const series = all.filter(({ device_id, sensor_id, measurement_type: type }) => {
    if (measurement !== undefined) return type === measurement;
    const own = implied.get(sensor_id ?? '') ?? implied.get(device_id);
    return own === undefined || own === type;
  });
  return { series, named, ...(measurement !== undefined && { measurement }) };
}

function phrasesOf(params: JsonObject): { phrase: string; field: string }[] {
  const one = params['device'] ?? undefined;
  const many = params['devices'] ?? undefined;
  if (one !== undefined && many !== undefined)
    throw invalidParam('devices', 'give device or devices, not both', {
      fix: { remove: ['device'] },
    });
  const list = many ?? (one === undefined ? [] : [one]);
  const isOk = Array.isArray(list) && list.length <= mostDevices && (!many || list.length > 0);
  if (!isOk)
    throw invalidParam('devices', `devices must be an array of 1 to ${mostDevices} names or ids`, {
      max: mostDevices,
      ...(typeof many === 'string' && { fix: { set: { devices: [many] } } }),
    });
  return list.map((phrase: unknown, index) => {
    const field = many === undefined ? 'device' : `devices[${index}]`;
    if (typeof phrase === 'string' && phrase.trim() !== '' && phrase.length <= longestPhrase)
      return { phrase, field };
    throw invalidParam(
      field,
      `${field} must be a name or an id of 1 to ${longestPhrase} characters`,
    );
  });
}

const plain = (text: string): string =>
  text
    .trim()
    .toLowerCase()
    .replace(/[\s_-]+/g, '_');

/** The measurement type that is meant: as it is, or written in another way. @throws RpcError -32602 with those there are */
function typeOf(wanted: string, series: readonly LatestReading[]): string {
  const types = [...new Set(series.map(({ measurement_type: type }) => type))].sort();
  if (types.includes(wanted)) return wanted;
  const same = types.filter((type) => plain(type) === plain(wanted));
  if (same.length === 1) return same[0] as string;
  const parts = types.filter((type) => plain(type).split('_').includes(plain(wanted)));
  const meant = same.length > 1 ? same : parts;
  const close = nearest(wanted, types);
  throw invalidParam(
    'measurement',
    types.length === 0
      ? 'there is no stored reading of it, so there is no measurement to choose'
      : 'there is no such measurement here; data.allowed are those there are',
    {
      allowed: (meant.length > 0 ? meant : types).slice(0, mostListed),
      ...(meant.length === 0 && close !== undefined && { nearest: close }),
      untrusted: ['allowed[]', 'nearest', 'fix.set.measurement'],
    },
  );
}
