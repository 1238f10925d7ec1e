// Tells the recorded hours again, faster.
import { setTimeout as wait } from 'node:timers/promises';

const hourMs = 3_600_000;
const tickMs = 100;
/** Moments in one message of one device; it stays far below what a broker takes. */
const mostMoments = 200;

/**
 * Replays the `hours` of the recording before `end`, so that the last moment is told when it is now:
 * readings are never from the future. A hub that is slow to acknowledge slows the replay down.
 * @param {object} scene
 * @param {readonly import('./device.mjs').Device[]} scene.devices
 * @param {import('./recording.mjs').Recording} scene.recording
 * @param {number} scene.shift from the recording's time to the time it is told at
 * @param {number} scene.hours
 * @param {number} scene.end when the replay ends, milliseconds since the epoch; at most `hours` from now
 * @param {AbortSignal} scene.signal
 * @param {(part: number, hours: number, readings: number) => void} scene.onProgress
 * @returns {Promise<number>} how many readings were acknowledged
 */
export async function replay({ devices, recording, shift, hours, end, signal, onProgress }) {
  const begin = Date.now();
  const span = hours * hourMs;
  const moments = recording.between(end - span, end, shift);

  let readings = 0;
  let next = 0;
  while (next < moments.length) {
    signal.throwIfAborted();
    const told = Math.min(1, (Date.now() - begin) / Math.max(1, end - begin));
    const reached = end - span + told * span;
    /** @type {import("./recording.mjs").Moment[]} */
    const due = [];
    while (next < moments.length && due.length < mostMoments && moments[next].timestamp <= reached)
      due.push(moments[next++]);
    const sent = await Promise.all(devices.map((device) => device.replay(due)));
    readings += sent.reduce((sum, one) => sum + one, 0);
    onProgress(told, told * hours, readings);
    if (due.length < mostMoments && next < moments.length)
      await wait(Math.min(tickMs, Math.max(1, end - Date.now())), undefined, { signal });
  }
  onProgress(1, hours, readings);
  return readings;
}
