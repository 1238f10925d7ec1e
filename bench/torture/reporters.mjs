// Devices that report from a process of their own, and what they tell in the end.
import { startApart } from '../apart.mjs';
import { eachOf } from '../each-of.mjs';
import { registration } from '../rpc-client.mjs';
import { createHttpClient } from './rpc-reporter.mjs';

/**
 * Devices to be; `heartbeat` is how often each has to give a sign of life, in seconds (3,600 unless told).
 * @typedef {Omit<import('./loads/reporters.mjs').Group, 'devices'> & { count: number, heartbeat?: number }} GroupPlan
 *
 * @typedef {Awaited<ReturnType<typeof import('./loads/reporters.mjs').run>>} Reported
 */

/** @param {import('./site.mjs').Site} site @param {number} count @param {number} [heartbeat] seconds */
export async function registerDevices({ hub }, count, heartbeat = 3_600) {
  const client = createHttpClient(hub.url, hub.registrationKey);
  const params = { ...registration, heartbeat_interval: heartbeat };
  return eachOf(Array.from({ length: count }), 20, async () => {
    const { device_id: id, api_key: key } = await client.call('device.register', params);
    return { id, key };
  });
}

/**
 * Registers devices and lets them report until `stop`.
 * @param {import('./site.mjs').Site} site @param {readonly GroupPlan[]} plans
 * @param {{ drainMs: number, mqttPort?: number | undefined }} options how long they wait for their last answers, and
 *   the port of a broker that is not the hub's
 * @returns {Promise<{ stop(): Promise<Reported> }>}
 */
export async function startReporters(site, plans, { drainMs, mqttPort = site.hub.mqttPort }) {
  const groups = [];
  for (const { count, heartbeat, ...plan } of plans)
    groups.push({ ...plan, devices: await registerDevices(site, count, heartbeat) });
  const options = { url: site.hub.url, port: mqttPort, groups, drainMs };
  const apart = startApart('../torture/loads/reporters', options);
  await apart.ready;
  return apart;
}

/** The highest p99 of any group. @param {Reported} reported */
export const worstP99 = ({ groups }) => Math.max(...groups.map(({ ack }) => ack.p99));

/** How often a cause of trouble was met, in all groups. @param {Reported} reported @param {string} cause */
export const troublesOf = ({ groups }, cause) =>
  groups.reduce((sum, { troubles }) => sum + (troubles[cause] ?? 0), 0);

/**
 * The longest time from one of some moments to the first acknowledgement after it, to a tenth of a second.
 * @param {Reported} reported @param {readonly number[]} moments milliseconds since the epoch
 * @returns {number | undefined} milliseconds; undefined if none came after one of them
 */
export function slowestRecovery(reported, moments) {
  const times = moments.map((moment) => firstAcknowledgementAfter(reported, moment));
  return times.includes(undefined) ? undefined : Math.max(...times.map((ms) => ms ?? 0));
}

/** @param {Reported} reported @param {number} moment */
function firstAcknowledgementAfter({ since, groups }, moment) {
  const from = Math.ceil((moment - since) / 100);
  const columns = Math.max(...groups.map(({ acknowledged }) => acknowledged.length));
  for (let column = Math.max(0, from); column < columns; column++)
    if (groups.some(({ acknowledged }) => (acknowledged[column] ?? 0) > 0))
      return since + (column + 1) * 100 - moment;
  return undefined;
}
