import type { DeviceRegistry } from '../device/ports.ts';
import type { DeviceRecord, SensorRecord } from '../device/types.ts';
import type { Emitter, HubEvents } from '../events.ts';
import { invalidParam } from '../params.ts';
import { devicesOf, type Sees } from '../security/scope-rules.ts';
import { cleanText } from '../text.ts';
import { choose, type Outcome } from './choose.ts';
import { createNameIndex } from './index.ts';
import type { Matcher } from './match.ts';
import { languageOf, phraseUnits, type Ground } from './query.ts';
import { requireDevice, requireDevices } from './require.ts';
import { resolveKind } from './resolve-kind.ts';
import { nameKey } from './terms.ts';
import type { Candidate, Resolution, ResolvedTarget, ResolveOptions, Resolver } from './types.ts';

/** Longest phrase, in UTF-16 units. */
export const longestPhrase = 200;
const usualCandidates = 5;

export interface ResolverDeps {
  devices: Pick<DeviceRegistry, 'resolve' | 'sensorsOf' | 'deviceIds'>;
  events: Emitter<HubEvents>;
}

/** A resolver of plain names over the devices there are, kept up with them by their events. */
export function createResolver({ devices, events }: ResolverDeps): Resolver {
  const index = createNameIndex();
  const take = (device: DeviceRecord): void => {
    const current = devices.resolve(device.device_id)?.device;
    if (current) index.put(current, devices.sensorsOf(device.device_id));
  };
  for (const id of devices.deviceIds()) {
    const device = devices.resolve(id)?.device;
    if (device) take(device);
  }
  for (const event of ['registered', 'resumed', 'updated', 'learned', 'sensor_discovered'] as const)
    events.on(event, ({ device }) => take(device));
  events.on('removed', ({ device }) => index.remove(device.device_id));

  const groundOf = (sees: Sees | undefined): Ground & Matcher => {
    const present = new Map<string, boolean>();
    const device = (at: number): DeviceRecord | undefined => {
      const id = index.idAt(at);
      const found = id === undefined ? undefined : devices.resolve(id)?.device;
      return found && (!sees || sees(found)) ? found : undefined;
    };
    return {
      index,
      device,
      sensorsOf: ({ device_id }) => devices.sensorsOf(device_id),
      present(term) {
        const known = present.get(term);
        if (known !== undefined) return known;
        const is = index.postings(term).some((at) => device(at) !== undefined);
        present.set(term, is);
        return is;
      },
    };
  };

  const exact = (phrase: string, ground: Ground & Matcher): Outcome | undefined => {
    const target = devices.resolve(phrase) ?? devices.resolve(phrase.toLowerCase());
    const at = target && index.placeOf(target.device.device_id);
    if (target && at !== undefined && ground.device(at))
      return found([pointAt(target.device, target.sensor)]);
    const key = nameKey(phrase);
    const called = index.called(key).flatMap(({ at: place, sensor_id }) => {
      const device = ground.device(place);
      const sensor = sensor_id === undefined ? undefined : devices.resolve(sensor_id)?.sensor;
      return device ? [pointAt(device, sensor)] : [];
    });
    const whole = called.filter((target) => target.sensor_id === undefined);
    const meant = whole.length > 0 ? whole : called;
    const several = new Map(meant.map((target) => [target.sensor_id ?? target.device_id, target]));
    if (several.size === 0) return undefined;
    if (several.size === 1) return found([...several.values()]);
    return { status: 'ambiguous', targets: [], candidates: [...several.values()].map(asCandidate) };
  };

  const resolver: Resolver = {
    resolve(given, options = {}) {
      const phrase = readPhrase(given);
      const ground = groundOf(devicesOf(options.principal?.scope));
      const { kinds } = options;
      const aboutDevices = !kinds || kinds.some((kind) => kind === 'device' || kind === 'group');
      const known = aboutDevices && !options.all ? exact(phrase, ground) : undefined;
      if (known) return shape(phrase, known, options);
      const units = phraseUnits(phrase, ground);
      const votes = languageOf(units);
      const outcome =
        resolveKind(ground, units, votes, kinds) ??
        choose({ ...ground, all: options.all }, units, votes);
      return shape(phrase, outcome, options);
    },
    resolveDevice: (phrase, principal, field) => requireDevice(resolver, phrase, principal, field),
    resolveDevices: (phrase, principal, field) =>
      requireDevices(resolver, phrase, principal, field),
    complete(start, principal, limit = 20) {
      const ground = groundOf(devicesOf(principal?.scope));
      const key = nameKey(start.slice(0, longestPhrase));
      const names = new Set<string>();
      for (const at of index.all()) {
        const name = ground.device(at)?.name;
        if (name !== undefined && nameKey(name).startsWith(key)) names.add(name);
        if (names.size >= limit) break;
      }
      return [...names];
    },
  };
  return resolver;
}

/** @throws RpcError -32602 */
function readPhrase(phrase: unknown): string {
  if (typeof phrase !== 'string')
    throw invalidParam('phrase', 'phrase must be a string: what a device is called, or its id');
  if (phrase.length > longestPhrase)
    throw invalidParam('phrase', `phrase may have ${longestPhrase} characters at most`, {
      limit: longestPhrase,
    });
  const clean = cleanText(phrase, longestPhrase);
  if (clean === '') throw invalidParam('phrase', 'phrase is empty; say what a device is called');
  return clean;
}

const found = (targets: ResolvedTarget[]): Outcome => ({
  status: 'resolved',
  targets,
  candidates: targets.map(asCandidate),
});

function pointAt(device: DeviceRecord, sensor?: SensorRecord): ResolvedTarget & Candidate {
  return {
    kind: 'device',
    device_id: device.device_id,
    ...(sensor && { sensor_id: sensor.sensor_id }),
    name: sensor?.name ?? device.name,
    ...(device.location !== undefined && { where: device.location }),
    score: 1,
  };
}

const asCandidate = (target: ResolvedTarget): Candidate => {
  const { device_id = '', sensor_id, measurement_type, name, where, score } = target;
  return {
    device_id,
    ...(sensor_id !== undefined && { sensor_id }),
    ...(measurement_type !== undefined && { measurement_type }),
    name,
    ...(where !== undefined && { where }),
    score,
  };
};

function shape(phrase: string, outcome: Outcome, { limit }: ResolveOptions): Resolution {
  const { status, targets, candidates, words = [], plural = false } = outcome;
  return {
    status,
    targets,
    candidates: candidates.slice(0, limit ?? usualCandidates),
    matches: Math.max(candidates.length, targets.length),
    understood: { phrase, words, plural },
  };
}
