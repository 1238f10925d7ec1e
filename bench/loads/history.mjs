// What devices have reported until now: a row of readings each, over HTTP.
import { createHttpSender } from '../devices/http-sender.mjs';

const perRequest = 480;

/**
 * @param {{ port: number, devices: import('../devices/raw-connection.mjs').Device[], readings: number,
 *   stepMs: number }} options `readings` of each device, rounded up to whole requests; the last is of now
 * @returns {Promise<number>} how many readings that were
 */
export async function run({ port, devices, readings, stepMs }) {
  const requests = Math.ceil(readings / perRequest);
  const start = Date.now() - requests * perRequest * stepMs;
  await Promise.all(
    devices.map(async (device) => {
      let left = requests;
      const done = Promise.withResolvers();
      const sender = await createHttpSender(
        { port, device, readings: perRequest, start, stepMs },
        () => (left-- > 0 ? sender.send() : done.resolve(undefined)),
      );
      left -= 1;
      sender.send();
      await done.promise;
      sender.end();
    }),
  );
  return requests * perRequest * devices.length;
}
