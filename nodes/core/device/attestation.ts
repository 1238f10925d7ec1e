import type { Clock } from '../clock.ts';
import { isObject, type JsonObject } from '../document.ts';
import { invalidParam } from '../params.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { parseTimestamp } from '../telemetry/timestamp.ts';
import { isCleanText } from '../text.ts';
import type { Attestation } from './types.ts';

export const attestationFormat = 'llm-iot-boot-v1';
/** How far a device's clock may be from the hub's, in milliseconds. */
const tolerance = 300_000;
const usualMemory = 100_000;

/** What a vendor key signed with: port of the check. */
export interface VendorKey {
  /** Whether the signature is this key's over these bytes; false for whatever is none. */
  verify(bytes: Uint8Array, signature: string): boolean;
}

/** Which firmware may run, and who vouches for it. */
export interface AttestationPolicy {
  /** By id. */
  keys: ReadonlyMap<string, VendorKey>;
  /** Allowed hashes in lower case, with the device types they are for; undefined: for all. */
  measurements: ReadonlyMap<string, ReadonlySet<string> | undefined>;
  /** Types of device that must attest; `*` is all. */
  requiredFor: ReadonlySet<string>;
}

/** Who attests. */
export interface AttestingDevice {
  hardwareId: string | undefined;
  deviceType: string;
  /** What it attested before, if it did. */
  before?: Attestation | undefined;
}

/**
 * Checks the `attestation` of a registration; undefined where there is none and none is demanded, or no policy.
 * @throws RpcError -32602 for one that cannot be read, -32005 for one that does not hold or is missing, -32006 when more
 * arrive than can be remembered
 */
export type Attest = (params: JsonObject, device: AttestingDevice) => Attestation | undefined;

/** The bytes that are signed: UTF-8 lines, with a line feed between them and none at the end. */
export const attestedText = (claim: {
  hardwareId: string;
  measurement: string;
  timestamp: string;
  nonce: string;
  keyId: string;
}): string =>
  [
    attestationFormat,
    claim.hardwareId,
    claim.measurement,
    claim.timestamp,
    claim.nonce,
    claim.keyId,
  ].join('\n');

/**
 * @param policy as it is now; undefined while nothing is attested here
 * @param memory how many attestations of the last minutes are remembered
 */
export function createAttest(deps: {
  policy: () => AttestationPolicy | undefined;
  clock: Clock;
  memory?: number;
}): Attest {
  const { policy, clock, memory = usualMemory } = deps;
  /** Until when (ms) each nonce of a device may not come again, the oldest first. */
  const used = new Map<string, number>();

  const remember = (nonce: string): void => {
    const now = clock.now();
    for (const [old, until] of used) {
      if (until > now) break;
      used.delete(old);
    }
    if (used.has(nonce)) throw refusal('nonce', 'was used before');
    if (used.size >= memory)
      throw new RpcError(ErrorCode.ResourceExhausted, 'too many devices attest at once', {
        retry_after_ms: tolerance,
      });
    // As long as any timestamp that is accepted now can be accepted.
    used.set(nonce, now + 2 * tolerance);
  };

  return (params, device) => {
    const { keys, measurements, requiredFor } = policy() ?? {};
    if (!keys || !measurements || !requiredFor) return undefined;
    const given = params['attestation'] ?? undefined;
    if (given === undefined) {
      if (!requiredFor.has('*') && !requiredFor.has(device.deviceType)) return undefined;
      throw new RpcError(
        ErrorCode.Unauthorized,
        `a device of type ${device.deviceType} has to prove its firmware by an attestation`,
        { field: 'attestation' },
      );
    }
    const claim = readClaim(given);
    const { hardwareId } = device;
    if (hardwareId === undefined)
      throw invalidParam('hardware_id', 'an attestation is for a hardware_id; it is missing');
    const now = clock.now();
    const { measurement, timestamp, time, nonce, keyId, signature } = claim;
    if (Math.abs(now - time) > tolerance)
      throw refusal('timestamp', 'is more than 5 minutes from the time of the hub', {
        server_time: new Date(now).toISOString(),
      });
    if (device.before && time <= Date.parse(device.before.attested_at))
      throw refusal('timestamp', 'is not after that of the attestation before');
    const key = keys.get(keyId);
    if (!key) throw refusal('key_id', 'names no key that is trusted here');
    const text = attestedText({ hardwareId, measurement, timestamp, nonce, keyId });
    if (!key.verify(new TextEncoder().encode(text), signature))
      throw refusal('signature', 'is not that of the key over this attestation');
    const types = measurements.get(measurement);
    if (!measurements.has(measurement) || (types && !types.has(device.deviceType)))
      throw refusal('measurement', 'is not that of a firmware that is allowed here');
    remember(`${hardwareId}\n${nonce}`);
    return {
      attested: true,
      measurement,
      key_id: keyId,
      attested_at: new Date(time).toISOString(),
    };
  };
}

function refusal(field: string, problem: string, details: JsonObject = {}): RpcError {
  return new RpcError(ErrorCode.Unauthorized, `attestation.${field} ${problem}`, {
    field: `attestation.${field}`,
    ...details,
  });
}

interface Claim {
  measurement: string;
  timestamp: string;
  /** Milliseconds since the epoch. */
  time: number;
  nonce: string;
  keyId: string;
  signature: string;
}

function readClaim(given: unknown): Claim {
  const bad = (field: string, problem: string): RpcError =>
    invalidParam(field === '' ? 'attestation' : `attestation.${field}`, problem);
  if (!isObject(given)) throw bad('', 'attestation must be an object');
  if (given['format'] !== attestationFormat)
    throw invalidParam('attestation.format', `format must be ${attestationFormat}`, {
      allowed: [attestationFormat],
    });
  const text = (field: string, shape: RegExp, words: string): string => {
    const value = given[field];
    if (typeof value === 'string' && shape.test(value)) return value;
    throw bad(field, `${field} must be ${words}`);
  };
  const measurement = text('measurement', /^[0-9a-f]{64}$/, 'a SHA-256 in lower hexadecimal');
  const timestamp = text('timestamp', /^.{20,35}$/, 'ISO 8601 with a time zone');
  const time = /(Z|[+-]\d{2}:\d{2})$/.test(timestamp) ? parseTimestamp(timestamp) : undefined;
  if (time === undefined) throw bad('timestamp', 'timestamp must be ISO 8601 with a time zone');
  const nonce = text('nonce', /^[A-Za-z0-9_-]{16,64}$/, '16 to 64 characters of base64url');
  const keyId = text('key_id', /^.{1,64}$/, 'the id of a key');
  if (!isCleanText(keyId, 64)) throw bad('key_id', 'key_id must be plain text');
  const signature = text('signature', /^[A-Za-z0-9_-]{86}$/, '64 bytes in base64url');
  return { measurement, timestamp, time, nonce, keyId, signature };
}
