// What the devices of the house would keep in their flash: their ids and keys.
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * @typedef {{ device_id: string, api_key: string }} Credentials
 *
 * @typedef {object} HouseState
 * @property {number} [shift] from the recording's time to the time it is told at, milliseconds
 * @property {Record<string, Credentials>} devices by the key of their design
 */

/** @param {string} file @returns {HouseState} empty if there is none yet */
export function loadState(file) {
  try {
    return { devices: {}, ...JSON.parse(readFileSync(file, 'utf8')) };
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return { devices: {} };
    throw new Error(
      `${file} cannot be read (${error instanceof Error ? error.message : error}); delete it to begin anew`,
    );
  }
}

/** Readable by its owner only: it holds keys. @param {string} file @param {HouseState} state */
export function saveState(file, state) {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.new`;
  writeFileSync(draft, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, file);
}
