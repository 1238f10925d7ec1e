// What a device has sent, and what it was told: the evidence that the stored readings are compared with.

/** Between two readings of one device. */
const stepMs = 1_000;
const month = 30 * 86_400_000;

/** What became of a reading as far as its sender knows. */
export const fates = { sent: 1, acknowledged: 2, refused: 3 };

/**
 * What one device sent: reading n has the time `start + n` seconds and the fate `fates[n]`.
 * @typedef {{ deviceId: string, start: number, fates: Uint8Array }} Journal
 */

/** @param {number} n */
export const valueOf = (n) => 20 + (n % 90) / 10;

/** @param {Pick<Journal, 'start'>} journal @param {number} n */
export const timeOf = ({ start }, n) => start + n * stepMs;

/** The number of the reading with this time, which need not be one. @param {Pick<Journal, 'start'>} journal @param {number} time */
export const numberOf = ({ start }, time) => (time - start) / stepMs;

/**
 * Keeps the journal of a device. Its times begin a month ago, so that the hub's clock does not refuse them.
 * @param {string} deviceId
 */
export function createJournal(deviceId) {
  const start = Math.floor((Date.now() - month) / stepMs) * stepMs;
  let all = new Uint8Array(1024);
  let count = 0;
  return {
    start,
    /** Numbers a new reading. */
    next() {
      if (count === all.length) {
        const grown = new Uint8Array(count * 2);
        grown.set(all);
        all = grown;
      }
      all[count] = fates.sent;
      return count++;
    },
    /** @param {number} n @param {number} fate */
    note(n, fate) {
      all[n] = fate;
    },
    /** @returns {Journal} */
    close: () => ({ deviceId, start, fates: all.slice(0, count) }),
  };
}

/** @typedef {ReturnType<typeof createJournal>} OpenJournal */
