// Devices that report whatever happens to the hub, and keep a journal of what they were told.
import { setTimeout as pause } from 'node:timers/promises';
import { createTimes } from '../../figures.mjs';
import { createJournal } from '../journal.mjs';
import { createMqttReporter } from '../mqtt-reporter.mjs';
import { createHttpClient, createRpcReporter, createSocketClient } from '../rpc-reporter.mjs';

const tickMs = 10;
const checkMs = 500;
/** Width of a column of `acknowledged`. */
const columnMs = 100;

/**
 * @typedef {object} Group devices that report in the same way
 * @property {'mqtt' | 'http' | 'websocket'} transport
 * @property {{ id: string, key: string }[]} devices
 * @property {number} rate readings a second of all of them; Infinity: as many as are acknowledged
 * @property {number} [window] readings in flight of each device; 32 unless told
 * @property {number} [batch] readings of one call; 10 unless told
 * @property {boolean} [keepSession] over MQTT
 * @property {[number, number]} [reconnectMs]
 * @property {number} [answerMs] a device connects again when an acknowledgement takes longer; 15,000 unless told
 *
 * @typedef {object} GroupResult
 * @property {string} transport
 * @property {string[]} deviceIds
 * @property {import('../../figures.mjs').Figures} ack
 * @property {Record<string, number>} troubles how often, by cause
 * @property {number[]} connectedAt when each connection was accepted, in milliseconds since the beginning
 * @property {number} resumed of these connections, to a session that was kept
 * @property {number[]} acknowledged readings in each tenth of a second
 * @property {import('../journal.mjs').Journal[]} journals
 */

/**
 * Reports until told to stop, then waits until all is answered, `drainMs` at most.
 * @param {{ url: string, port: number, groups: Group[], drainMs: number }} options @param {AbortSignal} signal
 * @returns {Promise<{ since: number, groups: GroupResult[] }>} `since` is when the first tenth of a second began
 */
export async function run({ url, port, groups, drainMs }, signal) {
  const begin = performance.now();
  const running = groups.map((group) => startGroup(group, { url, port, begin }));
  const timer = setInterval(() => {
    for (const group of running) group.tick();
  }, tickMs);
  process.send?.({ ready: true });
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  for (const group of running) group.stop();
  const deadline = performance.now() + drainMs;
  while (performance.now() < deadline && running.some((group) => group.waiting() > 0))
    await pause(20);
  clearInterval(timer);
  return {
    since: performance.timeOrigin + begin,
    groups: running.map((group) => group.end()),
  };
}

/** @param {Group} group @param {{ url: string, port: number, begin: number }} where */
function startGroup(group, { url, port, begin }) {
  const { transport, devices, rate, window = 32, batch = 10 } = group;
  const { keepSession = false, reconnectMs = [100, 300], answerMs = 15_000 } = group;
  const times = createTimes();
  /** @type {Record<string, number>} */
  const troubles = {};
  /** @type {number[]} */
  const acknowledged = [];
  /** @type {number[]} */
  const connectedAt = [];
  let resumed = 0;
  let reported = 0;
  let stopped = false;
  let next = 0;
  let checked = begin;

  /** @param {import('../mqtt-reporter.mjs').Reporter} reporter @param {number} most */
  const fill = (reporter, most) => {
    const count = Math.min(most, reporter.room());
    if (count <= 0) return;
    reporter.report(count);
    reported += count;
  };
  const members = devices.map((device, index) => {
    const journal = createJournal(device.id);
    const tell = {
      acknowledged(/** @type {number} */ readings, /** @type {number} */ sentAt) {
        const now = performance.now();
        times.add(now - sentAt);
        const column = Math.floor((now - begin) / columnMs);
        acknowledged[column] = (acknowledged[column] ?? 0) + readings;
      },
      trouble(/** @type {string} */ cause) {
        troubles[cause] = (troubles[cause] ?? 0) + 1;
      },
      connected(/** @type {boolean} */ sessionPresent) {
        connectedAt.push(performance.now() - begin);
        if (sessionPresent) resumed += 1;
      },
      roomy() {
        if (rate === Infinity && !stopped) fill(reporter, Infinity);
      },
    };
    const shared = { device, journal, window, reconnectMs, tell };
    const version = /** @type {const} */ ([4, 5])[index % 2];
    /** @type {import('../mqtt-reporter.mjs').Reporter} */
    const reporter =
      transport === 'mqtt'
        ? createMqttReporter({ ...shared, port, version, keepSession })
        : createRpcReporter({
            ...shared,
            batch,
            client: (transport === 'http' ? createHttpClient : createSocketClient)(url, device.key),
          });
    return { journal, reporter };
  });
  for (const { reporter } of members) reporter.start();

  return {
    tick() {
      const now = performance.now();
      if (now > checked + checkMs) {
        checked = now;
        for (const { reporter } of members) reporter.check(now - answerMs);
      }
      if (stopped || rate === Infinity) return;
      const due = ((now - begin) / 1000) * rate;
      // A device that cannot report now does not make up for it later.
      let missed = 0;
      while (reported < due && missed < members.length) {
        const { reporter } = members[next++ % members.length];
        const before = reported;
        fill(reporter, Math.min(transport === 'mqtt' ? 1 : batch, Math.ceil(due - reported)));
        missed = reported === before ? missed + 1 : 0;
      }
      reported = Math.max(reported, due - rate / 10);
    },
    stop() {
      stopped = true;
    },
    waiting: () => members.reduce((sum, { reporter }) => sum + reporter.waiting(), 0),
    /** @returns {GroupResult} */
    end() {
      for (const { reporter } of members) reporter.end();
      return {
        transport,
        deviceIds: devices.map(({ id }) => id),
        ack: times.figures(),
        troubles,
        connectedAt,
        resumed,
        acknowledged: Array.from(acknowledged, (readings = 0) => readings),
        journals: members.map(({ journal }) => journal.close()),
      };
    },
  };
}
