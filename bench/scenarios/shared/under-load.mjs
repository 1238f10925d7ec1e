// The same measurement on an idle hub and on one that takes telemetry.
import { runApart, startApart } from '../../apart.mjs';
import { count, timesToMax, withinP99 } from '../../figures.mjs';
import { registerDevices, withHub } from '../../hub.mjs';

/**
 * @param {{ load: string, p99Ms: number, devices: number, rate: number, senders: number,
 *   optionsOf: (hub: import('../../hub.mjs').Hub, devices: import('../../devices/raw-connection.mjs').Device[]) => object }} plan
 *   `load` is measured with `devices` of its own while `senders` others report `rate` readings a second
 */
export const idleAndUnderLoad = ({ load, p99Ms, devices, rate, senders, optionsOf }) =>
  withHub(async (hub) => {
    const measured = await registerDevices(hub, devices);
    const reporting = await registerDevices(hub, senders);
    const options = optionsOf(hub, measured);
    const idle = await runApart(load, options);
    const steady = startApart('steady', { port: hub.mqttPort, devices: reporting, rate });
    await steady.ready;
    const busy = await runApart(load, options);
    const { rate: taken } = await steady.stop();
    return [
      { measure: 'hub at rest', value: timesToMax(idle), figures: idle, ...withinP99(idle, p99Ms) },
      {
        measure: `while ${count(rate)} readings a second come in (${count(taken)} acknowledged)`,
        value: timesToMax(busy),
        figures: { ...busy, acknowledged_per_second: taken },
        ...withinP99(busy, p99Ms),
      },
    ];
  });
