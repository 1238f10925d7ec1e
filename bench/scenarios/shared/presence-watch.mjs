// The watch over all devices, without a hub around it.
import { setTimeout as pause } from 'node:timers/promises';
import { count } from '../../figures.mjs';
import { settle, unmeasurable } from './rest.mjs';

/**
 * @param {{ devices: number, restMs: number }} size
 * @returns {Promise<import('../../report/report.mjs').Row[]>}
 */
export async function watchInCore({ devices, restMs }) {
  const { createPresence } = await import('../../../dist/core/device/presence.js');
  const { systemClock: clock } = await import('../../../dist/runtime/system.js');
  const silent = () => undefined;
  const presence = createPresence({ clock, onOffline: silent, onOnline: silent });
  const ids = Array.from({ length: devices }, () => crypto.randomUUID());
  for (const id of ids) presence.add(id, 60);

  await settle(restMs, () => process.cpuUsage().user / 1000);
  const beforeRest = process.cpuUsage();
  await pause(restMs);
  const { user, system } = process.cpuUsage(beforeRest);
  const cpu = (user + system) / 1000 / restMs;

  const touches = Math.max(devices, 1_000_000);
  const begin = performance.now();
  for (let i = 0; i < touches; i++) presence.touch(ids[(i * 7_919) % devices]);
  const touchNs = ((performance.now() - begin) * 1e6) / touches;
  presence.close();
  return [
    {
      measure: `presence timer alone, processor time over ${restMs / 1000} s at rest`,
      value: `${(cpu * 100).toFixed(2)} %`,
      target: 'not measurable',
      met: cpu < unmeasurable,
    },
    { measure: 'presence, a sign of life', value: `${count(touchNs)} ns` },
    {
      measure: 'presence, processor time when all report every 60 s',
      value: `${(((devices / 60) * touchNs) / 1e7).toFixed(3)} %`,
    },
  ];
}
