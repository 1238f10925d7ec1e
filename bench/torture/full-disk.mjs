// A disk that can be filled and freed: a small file system of its own where mounting is allowed, elsewhere a limit on
// the size of the files of a process.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const megabyte = 1024 * 1024;
const diskBytes = 96 * megabyte;
/** What a file may still grow by where only its size can be limited. */
const leewayBytes = megabyte;

/**
 * @typedef {object} Disk
 * @property {string} folder for the data directory of a hub
 * @property {string} kind for people
 * @property {(site: import('./site.mjs').Site) => void} fill leaves the hub no room
 * @property {(site: import('./site.mjs').Site) => void} free gives it back
 * @property {() => void} close when the hub is gone
 */

/** @returns {Disk} */
export function createDisk() {
  const folder = mkdtempSync(join(tmpdir(), 'llm-iot-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'llm-iot-torture', folder], {
      stdio: 'ignore',
    });
  } catch {
    return limitedFiles(folder);
  }
  const ballast = join(folder, 'ballast');
  return {
    folder,
    kind: `a file system of ${diskBytes / megabyte} MB`,
    fill: () => fillUp(ballast),
    free: () => unlinkSync(ballast),
    close() {
      execFileSync('umount', [folder]);
      rmSync(folder, { recursive: true });
    },
  };
}

/** @param {string} file */
function fillUp(file) {
  const fd = openSync(file, 'w');
  // The last bytes go one page at a time.
  for (const size of [megabyte, 4096]) {
    const block = Buffer.alloc(size, 1);
    try {
      for (;;) writeSync(fd, block);
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOSPC') throw error;
    }
  }
  closeSync(fd);
}

/** @param {string} folder @returns {Disk} */
function limitedFiles(folder) {
  const limit = (/** @type {number} */ pid, /** @type {string} */ size) =>
    execFileSync('prlimit', ['--pid', String(pid), `--fsize=${size}:`]);
  return {
    folder,
    kind: 'a limit on the size of files',
    fill({ dataDir, hub }) {
      const sizes = ['telemetry.db', 'telemetry.db-wal'].map(
        (name) => statSync(join(dataDir, name)).size,
      );
      limit(hub.pid, String(Math.max(...sizes) + leewayBytes));
    },
    free: ({ hub }) => limit(hub.pid, 'unlimited'),
    close: () => rmSync(folder, { recursive: true }),
  };
}
