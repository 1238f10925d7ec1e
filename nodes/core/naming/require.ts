import { invalidParam } from '../params.ts';
import { RpcError } from '../rpc/errors.ts';
import type { Principal } from '../security/types.ts';
import { cleanText } from '../text.ts';
import type { Candidate, Resolution, ResolvedDevice, ResolvedTarget, Resolver } from './types.ts';

const longestQuote = 64;

/** `Resolver.resolveDevice`. @throws RpcError -32602 */
export function requireDevice(
  resolver: Resolver,
  phrase: unknown,
  principal: Principal | undefined,
  field = 'device',
): ResolvedDevice {
  const resolution = read(resolver, phrase, principal, field);
  const { targets } = resolution;
  const devices = new Set(targets.map(({ device_id }) => device_id));
  if (devices.size !== 1) throw unclear(resolution, field, devices.size > 1);
  const [first] = targets as [ResolvedTarget];
  if (targets.length === 1) return pointOf(first);
  const sensors = new Set(targets.map(({ sensor_id }) => sensor_id));
  const [sensor] = sensors;
  return {
    device_id: first.device_id ?? '',
    ...(sensors.size === 1 && sensor !== undefined && { sensor_id: sensor }),
  };
}

/** `Resolver.resolveDevices`. @throws RpcError -32602 */
export function requireDevices(
  resolver: Resolver,
  phrase: unknown,
  principal: Principal | undefined,
  field = 'device',
): ResolvedDevice[] {
  const resolution = read(resolver, phrase, principal, field);
  if (resolution.targets.length === 0) throw unclear(resolution, field, false);
  return resolution.targets.map(pointOf);
}

function read(
  resolver: Resolver,
  phrase: unknown,
  principal: Principal | undefined,
  field: string,
): Resolution {
  if (typeof phrase !== 'string' || phrase.trim() === '')
    throw invalidParam(field, `${field} is missing; it is what a device is called, or its id`);
  try {
    return resolver.resolve(phrase, { principal });
  } catch (error) {
    if (error instanceof RpcError) {
      throw invalidParam(field, error.reason.replace('phrase', field), {
        ...error.details,
        field,
      });
    }
    throw error;
  }
}

function pointOf({ device_id = '', sensor_id, measurement_type }: ResolvedTarget): ResolvedDevice {
  return {
    device_id,
    ...(sensor_id !== undefined && { sensor_id }),
    ...(measurement_type !== undefined && { measurement_type }),
  };
}

/** -32602 with what may have been meant. */
function unclear(resolution: Resolution, field: string, several: boolean): RpcError {
  const { status, understood, matches } = resolution;
  const candidates = resolution.candidates;
  const said = `"${cleanText(understood.phrase, longestQuote).replaceAll('"', "'")}"`;
  const reason = several
    ? `${said} means ${matches} devices, and this takes one`
    : status === 'ambiguous'
      ? `${said} may mean ${matches === 1 ? 'one device, but not surely' : `${matches} devices`}`
      : candidates.length > 0
        ? `nothing is called ${said}; candidates are what comes nearest`
        : `nothing is called ${said}`;
  return invalidParam(field, reason, {
    candidates,
    suggestions: suggestionsOf(candidates, field),
    ...(candidates.length > 0 && { untrusted: ['candidates[].name', 'candidates[].where'] }),
  });
}

function suggestionsOf(candidates: readonly Candidate[], field: string): string[] {
  if (candidates.length === 0)
    return ['call device.find without a query to see what there is, and use its device_id'];
  return [
    ...candidates
      .slice(0, 3)
      .map(
        ({ device_id, sensor_id }) => `set ${field} to ${sensor_id ?? device_id}, if that is meant`,
      ),
    'ask the user which of the candidates is meant',
  ];
}
