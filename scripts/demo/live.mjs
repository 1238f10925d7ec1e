// After the replay the house goes on: the rows that follow, one a second, as measured now.

const beatMs = 1_000;

/**
 * @param {readonly import('./device.mjs').Device[]} devices
 * @param {import('./recording.mjs').Recording} recording
 * @param {number} shift of the replay
 * @returns {{ stop(): Promise<void> }} resolves when nothing is under way any more
 */
export function startLive(devices, { rows, indexAfter }, shift) {
  let next = indexAfter(Date.now(), shift);
  /** @type {Promise<unknown>} */
  let underWay = Promise.resolve();
  let busy = false;

  const beat = setInterval(() => {
    // A hub that is slow to acknowledge gets fewer readings, not a queue of them.
    if (busy) return;
    busy = true;
    const moment = { timestamp: Date.now(), row: rows[next % rows.length] };
    next += 1;
    underWay = Promise.allSettled(devices.map((device) => device.report(moment))).then(() => {
      busy = false;
    });
  }, beatMs);

  return {
    stop() {
      clearInterval(beat);
      return underWay.then(() => undefined);
    },
  };
}
