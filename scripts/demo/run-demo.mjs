// The whole demo: the house joins, replays its recording, and is talked with.
import { once } from 'node:events';
import { startDevice } from './device.mjs';
import { house } from './house.mjs';
import { join } from './join.mjs';
import { startLive } from './live.mjs';
import { greetHub, playLlm } from './llm.mjs';
import { createProgress } from './progress.mjs';
import { loadRecording } from './recording.mjs';
import { replay } from './replay.mjs';
import { loadState, saveState } from './state-file.mjs';
import { count } from './terminal.mjs';
import { createTranscript } from './transcript.mjs';

const hourMs = 3_600_000;

/** Somebody ended the demo. */
export class DemoStopped extends Error {
  name = 'DemoStopped';
  message = 'Stopped.';
}

/**
 * @typedef {object} DemoSummary
 * @property {number} devices how many are in the hub
 * @property {number} resumed how many of them were known from an earlier run
 * @property {number} readingsSent replayed and acknowledged
 * @property {{ name: string, ok: boolean }[]} steps of the LLM
 */

/**
 * @param {import('./options.mjs').DemoOptions} options
 * @returns {Promise<DemoSummary>}
 * @throws DemoStopped when `options.signal` ends it; Error with a message for a person when the hub cannot be used
 */
export async function runDemo(options) {
  const output = options.output ?? process.stdout;
  const signal = options.signal ?? new AbortController().signal;
  const transcript = createTranscript(output);
  const recording = loadRecording();
  const state = loadState(options.stateFile);
  /** @type {Map<string, import('./device.mjs').Device>} */
  const devices = new Map();
  /** @type {{ stop(): Promise<void> } | undefined} */
  let live;

  try {
    if (options.llm) await greetHub(options, transcript);
    transcript.heading('The house joins the hub', `Ten MQTT connections to ${options.mqtt}`);
    for (const design of house) {
      signal.throwIfAborted();
      const member = await join(design, options, state.devices[design.key]);
      state.devices[design.key] = { device_id: member.device_id, api_key: member.api_key };
      saveState(options.stateFile, state);
      const device = await startDevice(design, options.mqtt, member);
      devices.set(design.key, device);
      const { deviceId, name, resumed, sensor } = device;
      transcript.note(
        `${resumed ? 'resumed   ' : 'registered'} ${deviceId}  ${name.padEnd(19)}${sensor}`,
      );
    }
    const all = [...devices.values()];

    transcript.heading(`Replaying ${options.hours} hours, ${count(options.speed)} times faster`);
    const end = Math.floor(Date.now() + (options.hours * hourMs) / options.speed);
    const shift = (state.shift ??= end - recording.endOfStory);
    saveState(options.stateFile, state);
    const progress = createProgress(output, 'replay');
    const readings = await replay({
      devices: all,
      recording,
      shift,
      hours: options.hours,
      end,
      signal,
      onProgress: progress.show,
    }).finally(progress.done);
    live = startLive(all, recording, shift);

    const idOf = (/** @type {string} */ key) =>
      /** @type {import('./device.mjs').Device} */ (devices.get(key)).deviceId;
    const steps = options.llm ? await playLlm({ ...options, idOf, transcript, signal }) : [];
    const summary = {
      devices: all.length,
      resumed: all.filter(({ resumed }) => resumed).length,
      readingsSent: readings,
      steps,
    };
    tell(summary, transcript);
    if (options.keep) {
      transcript.note('The house goes on, a reading a second. Ctrl-C ends it.');
      if (!signal.aborted) await once(signal, 'abort');
    }
    return summary;
  } catch (error) {
    // Waits that were cut short throw errors of their own; what matters is that somebody ended it.
    throw signal.aborted ? new DemoStopped() : error;
  } finally {
    await live?.stop();
    await Promise.allSettled([...devices.values()].map((device) => device.stop()));
  }
}

/** @param {DemoSummary} summary @param {import('./transcript.mjs').Transcript} transcript */
function tell({ devices, resumed, readingsSent, steps }, transcript) {
  const failed = steps.filter(({ ok }) => !ok);
  transcript.heading('Done');
  transcript.note(
    `${devices} devices (${resumed} resumed), ${count(readingsSent)} readings stored`,
  );
  if (steps.length > 0)
    transcript.note(
      `${steps.length - failed.length} of ${steps.length} steps of the LLM succeeded`,
    );
  for (const { name } of failed) transcript.failed(name);
}
