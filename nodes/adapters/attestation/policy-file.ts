import { readFileSync, statSync } from 'node:fs';
import type { AttestationPolicy, VendorKey } from '../../core/device/attestation.ts';
import { isObject, type JsonObject } from '../../core/document.ts';
import type { Log } from '../../core/log.ts';
import { readVendorKey } from './vendor-key.ts';

const largestFile = 4 * 1_024 * 1_024;
const members = ['keys', 'measurements', 'required_for'];

/**
 * The policy in a file, read anew when the file changes; undefined while there is none. A file that becomes unreadable
 * leaves the policy as it was, which the log tells.
 * @throws Error when the file there is at the start cannot be used
 */
export function watchPolicyFile(path: string, log: Log): () => AttestationPolicy | undefined {
  let seen = stampOf(path);
  let policy = seen === undefined ? undefined : readPolicy(path);
  return () => {
    const stamp = stampOf(path);
    if (stamp === seen) return policy;
    seen = stamp;
    try {
      policy = stamp === undefined ? undefined : readPolicy(path);
      log.info(stamp === undefined ? `${path} is gone: nothing is attested` : `read ${path} anew`);
    } catch (error) {
      log.error(`${(error as Error).message}; what it said before still holds`);
    }
    return policy;
  };
}

const stampOf = (path: string): string | undefined => {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.mtimeMs} ${found.size} ${found.ino}`;
};

/** @throws Error that names the file and the place in it */
function readPolicy(path: string): AttestationPolicy {
  try {
    if (statSync(path).size > largestFile) throw new Error(`is larger than ${largestFile} bytes`);
    return policyOf(parse(readFileSync(path, 'utf8')));
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('is no JSON');
  }
}

function policyOf(file: unknown): AttestationPolicy {
  if (!isObject(file)) throw new Error('must be an object');
  const unknown = Object.keys(file).find((name) => !members.includes(name));
  if (unknown !== undefined) throw new Error(`${unknown} is none of ${members.join(', ')}`);
  const keys = new Map<string, VendorKey>();
  for (const [at, { key_id: id, public_key: pem }] of objects(file, 'keys')) {
    if (typeof id !== 'string' || id === '' || id.length > 64)
      throw new Error(`${at}.key_id must be text of 1 to 64 characters`);
    if (typeof pem !== 'string') throw new Error(`${at}.public_key must be a key in PEM`);
    if (keys.has(id)) throw new Error(`${at}.key_id is there twice`);
    try {
      keys.set(id, readVendorKey(pem));
    } catch (error) {
      throw new Error(`${at}.public_key ${(error as Error).message}`);
    }
  }
  const measurements = new Map<string, ReadonlySet<string> | undefined>();
  for (const [at, { measurement, device_types: types }] of objects(file, 'measurements')) {
    if (typeof measurement !== 'string' || !/^[0-9a-f]{64}$/i.test(measurement))
      throw new Error(`${at}.measurement must be a SHA-256 in hexadecimal`);
    const only = types === undefined ? undefined : new Set(texts(types, `${at}.device_types`));
    measurements.set(measurement.toLowerCase(), only);
  }
  const requiredFor = new Set(texts(file['required_for'] ?? [], 'required_for'));
  return { keys, measurements, requiredFor };
}

function objects(file: JsonObject, name: string): [at: string, item: JsonObject][] {
  const list = file[name] ?? [];
  if (!Array.isArray(list)) throw new Error(`${name} must be a list`);
  return list.map((item: unknown, index) => {
    if (!isObject(item)) throw new Error(`${name}[${index}] must be an object`);
    return [`${name}[${index}]`, item];
  });
}

function texts(value: unknown, at: string): string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new Error(`${at} must be a list of texts`);
}
