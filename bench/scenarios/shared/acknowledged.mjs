// A scenario of acknowledged telemetry over MQTT, beside what the broker library and SQLite do on their own.
import { against, count, megabytes, none, share, timesToMax, withinP99 } from '../../figures.mjs';
import {
  acknowledged,
  bareSqlite,
  ceilingTimingOf,
  costRows,
  nameOf,
  spread,
  throughBareBroker,
  timingOf,
} from './ingest.mjs';

export const about =
  'Telemetry over MQTT (QoS 1, one reading a message) through all nodes of `flows/hub.json`; a message is ' +
  'acknowledged when its reading is committed. The hub is killed (SIGKILL) after the last acknowledgement and the ' +
  'readings are counted in its file. The ceilings were measured in the same run, right before.';

/**
 * @param {import('./ingest.mjs').Load} load @param {{ rate: number, p99?: number }} targets messages a second,
 *   milliseconds to the acknowledgement
 * @returns {(options: import('../../main.mjs').ScenarioOptions) => Promise<import('../../report/report.mjs').Outcome>}
 */
export const acknowledgedScenario =
  (load, targets) =>
  async ({ quick, log }) => {
    const sized = quick ? { ...load, connections: load.connections / 10 } : load;
    const sqlite = await bareSqlite(quick);
    const bare = await throughBareBroker(sized, ceilingTimingOf(quick), log);
    const hub = await acknowledged(sized, timingOf(quick), log);
    const p99 = targets.p99 === undefined ? {} : withinP99(hub.times, targets.p99);
    return {
      name: `Telemetry over MQTT, ${nameOf(sized)}`,
      results: [
        {
          measure: 'acknowledged messages a second',
          value: count(hub.rate),
          ...against(hub.rate, '>=', targets.rate),
        },
        { measure: 'slowest and fastest second', value: spread(hub.perSecond) },
        { measure: 'time to acknowledgement', value: timesToMax(hub.times), ...p99 },
        { measure: 'acknowledgements out of order', ...none(hub.outOfOrder) },
        {
          measure: 'sent = acknowledged = stored by the ledger = found in the file',
          value: count(hub.stored),
        },
        ...costRows('message', hub),
        { measure: 'most resident memory of the hub', value: megabytes(hub.peakRss) },
        { measure: 'ceiling: bare aedes, messages a second', value: count(bare.rate) },
        { measure: 'ceiling: bare aedes, time to acknowledgement', value: timesToMax(bare.times) },
        { measure: 'ceiling: bare `node:sqlite`, rows a second', value: count(sqlite) },
        {
          measure: 'hub / bare aedes, hub / bare `node:sqlite`',
          value: `${share(hub.rate, bare.rate)}, ${share(hub.rate, sqlite)}`,
        },
      ],
      figures: { target: targets.rate, hub, bare, sqlite },
    };
  };
