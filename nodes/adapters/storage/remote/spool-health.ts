import type { SpoolState } from '../../../core/telemetry/ports.ts';
import type { LinkState } from './courier.ts';

/** How it stands with a database elsewhere and what waits for it, for people. */
export function describeLink(
  name: string,
  { connected, since, reason }: LinkState,
  { readings, bytes, max_bytes, refused }: SpoolState,
): string {
  const away = `${name}, away since ${new Date(since).toISOString()}: ${reason ?? 'not connected yet'}`;
  const size = bytes > 0 ? ` (${formatBytes(bytes)} of ${formatBytes(max_bytes)})` : '';
  const waiting = `${formatCount(readings)} readings${size} wait on disk`;
  const aside =
    refused > 0 ? `; ${formatCount(refused)} readings were refused and are kept aside` : '';
  return `${connected ? name : away}; ${waiting}${aside}`;
}

const formatCount = (count: number): string => count.toLocaleString('en-US');

function formatBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [bytes, 0];
  for (; value >= 1_000 && unit < units.length - 1; unit++) value /= 1_000;
  return `${unit === 0 ? value : Number(value.toPrecision(3))} ${units[unit]}`;
}
