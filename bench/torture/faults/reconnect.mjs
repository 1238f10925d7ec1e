// The broker is gone and comes back, and every device wants to be the first.
import { setTimeout as pause } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import { count } from '../../figures.mjs';
import { eachOf } from '../../each-of.mjs';
import { openMqtt, subscribe } from '../mqtt-raw.mjs';
import { outcomeOf, verdict } from '../outcome.mjs';
import { trial } from '../trial.mjs';

export const about =
  'The hub with its broker is killed while devices with kept sessions report, and started again; all devices connect ' +
  'again within half a second. Other devices are absent all the time: a message (QoS 1) waits for each of them.';

/** @param {import('../main.mjs').FaultOptions} options */
export async function run({ quick, log }) {
  const [devices, absent, restarts] = quick ? [100, 10, 1] : [1_000, 100, 3];
  const withinMs = 10_000;
  const done = await trial({
    load: [
      {
        transport: 'mqtt',
        count: devices,
        rate: devices,
        window: 4,
        keepSession: true,
        reconnectMs: [0, 500],
      },
    ],
    async happen({ site, register }) {
      const away = await register(absent);
      await eachOf(away, 20, (device) => subscribeAndLeave(site.hub, device));
      await leaveMessages(site.hub, away);
      /** @type {number[]} */
      const readyAt = [];
      for (let round = 1; round <= restarts; round++) {
        await pause(quick ? 500 : 1_500);
        await site.kill();
        await site.start();
        readyAt.push(Date.now());
        log(`${round} of ${restarts}`);
        await pause(quick ? 1_200 : withinMs);
      }
      const received = await eachOf(away, 20, (device) => comeBack(site.hub, device));
      return { readyAt, received: received.filter(Boolean).length };
    },
  });
  const { readyAt, received } = done.happened;
  const [group] = done.load.groups;
  const back = readyAt.map((moment) => allBackAfter(done.load.since, group, moment, devices));
  const slowest = back.includes(undefined) ? undefined : Math.max(...back.map((ms) => ms ?? 0));
  return outcomeOf(`${count(devices)} devices connect again, ${restarts} times`, done, {
    recovered: { ms: slowest, withinMs },
    promises: [
      verdict(
        'sessions are kept',
        group.resumed === devices * restarts,
        `${count(group.resumed)} of ${count(devices * restarts)}`,
      ),
      verdict(
        'messages that waited for an absent device reach it',
        received === absent,
        `${received} of ${absent}`,
      ),
    ],
  });
}

/**
 * Milliseconds from a moment until as many connections were accepted.
 * @param {number} since @param {import('../loads/reporters.mjs').GroupResult} group @param {number} moment @param {number} devices
 */
function allBackAfter(since, { connectedAt }, moment, devices) {
  // A connection can be accepted a moment before the hub says that it is ready.
  const later = connectedAt.map((at) => since + at - moment).filter((ms) => ms > -2_000);
  const last = later.toSorted((a, b) => a - b)[devices - 1];
  return last === undefined ? undefined : Math.max(0, last);
}

/** @typedef {import('../site.mjs').Hub} Hub @typedef {import('../mqtt-raw.mjs').Device} Device */

/** A topic of its own that a device may hear; on its command topic only the hub itself speaks. */
const noticesOf = (/** @type {Device} */ { id }) => `llm-iot/devices/${id}/notice`;
const kept = (/** @type {Device} */ { id, key }) => ({
  clientId: id,
  username: id,
  password: key,
  clean: false,
});

/** @param {Hub} hub @param {Device} device */
async function subscribeAndLeave({ mqttPort }, device) {
  const socket = await openMqtt(mqttPort, kept(device));
  await subscribe(socket, [{ topic: noticesOf(device), qos: 1 }]);
  socket.destroy();
}

/** @param {Hub} hub @param {readonly Device[]} devices */
async function leaveMessages({ mqttUrl, adminKey }, devices) {
  const admin = await connectAsync(mqttUrl, { username: 'admin', password: adminKey });
  for (const device of devices) await admin.publishAsync(noticesOf(device), device.id, { qos: 1 });
  await admin.endAsync();
}

/** Whether what waited for a device comes. @param {Hub} hub @param {Device} device */
async function comeBack({ mqttPort }, device) {
  const waited = Promise.withResolvers();
  const socket = await openMqtt(mqttPort, kept(device), (packet) => {
    if (packet.cmd === 'publish') waited.resolve(packet.payload.toString() === device.id);
  });
  const came = await Promise.race([waited.promise, pause(5_000, false)]);
  socket.destroy();
  return came;
}
