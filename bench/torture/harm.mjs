// Ways in which a file comes to harm while nobody uses it.
import {
  closeSync,
  fstatSync,
  openSync,
  readSync,
  truncateSync,
  writeSync,
  statSync,
} from 'node:fs';
import { createRandom } from './mutate.mjs';

const pageBytes = 4096;

/** @typedef {(file: string, seed: number) => void} Harm */

/** @param {string} file @param {(fd: number, bytes: number) => void} change */
function inside(file, change) {
  const fd = openSync(file, 'r+');
  try {
    change(fd, fstatSync(fd).size);
  } finally {
    closeSync(fd);
  }
}

/** @param {number} part */
const cutTo = (part) => (/** @type {string} */ file) =>
  truncateSync(file, Math.floor(statSync(file).size * part));

/** @param {number} at */
const flipAt = (at) => (/** @type {string} */ file) =>
  inside(file, (fd) => {
    const byte = Buffer.alloc(1);
    readSync(fd, byte, 0, 1, at);
    byte[0] ^= 4;
    writeSync(fd, byte, 0, 1, at);
  });

/** @type {Record<string, Harm>} */
export const harms = {
  'cut in half': cutTo(0.5),
  'cut to a tenth': cutTo(0.1),
  'cut to 50 bytes': (file) => truncateSync(file, 50),
  'its first page zeroed': (file) =>
    inside(file, (fd) => void writeSync(fd, Buffer.alloc(pageBytes), 0, pageBytes, 0)),
  'every tenth page noise': (file, seed) =>
    inside(file, (fd, bytes) => {
      const random = createRandom(seed);
      const noise = Buffer.alloc(pageBytes);
      for (let at = 5 * pageBytes; at < bytes; at += 10 * pageBytes) {
        for (let i = 0; i < pageBytes; i++) noise[i] = Math.floor(random() * 256);
        writeSync(fd, noise, 0, pageBytes, at);
      }
    }),
  '200 bits flipped': (file, seed) =>
    inside(file, (fd, bytes) => {
      const random = createRandom(seed);
      const byte = Buffer.alloc(1);
      for (let i = 0; i < 200; i++) {
        const at = Math.floor(random() * bytes);
        readSync(fd, byte, 0, 1, at);
        byte[0] ^= 1 << Math.floor(random() * 8);
        writeSync(fd, byte, 0, 1, at);
      }
    }),
  'a bit of its magic flipped': flipAt(3),
  'a bit of its application id flipped': flipAt(70),
};
