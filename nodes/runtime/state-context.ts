import { stateText, type StateReading, type StateText } from '../core/context/state-text.ts';
import type { AlertRecord } from '../core/alert/types.ts';
import type { DeviceSummary } from '../core/device/ports.ts';
import { isObject } from '../core/document.ts';
import { invalidParam, optionalNumber } from '../core/params.ts';
import type { Principal } from '../core/security/types.ts';
import { markUntrusted } from '../core/untrusted.ts';
import type { Hub } from './hub.ts';

/** Bytes of a text unless more are asked for, the least and the most. */
export const contextLimits = { usual: 4_096, min: 512, max: 100_000 };

type Params = Record<string, unknown>;

/** What the text is about whatever a message says: devices with all of these labels. */
export interface ContextBounds {
  labels: Readonly<Record<string, string>>;
  maxBytes: number;
}

/**
 * The state of those devices that somebody may know of, as a text for a prompt: `{ labels?, location?, device_type?,
 * status?, search?, max_bytes? }`, where `max_bytes` can only be less than the bounds say.
 * @throws RpcError -32602
 */
export function contextOf(
  hub: Pick<Hub, 'devices' | 'latest' | 'listAlerts' | 'clock'>,
  params: Params,
  bounds: ContextBounds,
  principal: Principal | undefined,
): StateText & { untrusted: string[] } {
  const { min, max } = contextLimits;
  const asked = optionalNumber(params, 'max_bytes', { min, max, integer: true }) ?? max;
  const registry = hub.devices.seenBy(principal);
  const { labels, location, device_type, status, search } = params;
  const wanted = { labels, location, device_type, status, search };
  const bound = Object.entries(bounds.labels);
  const devices = allPages<DeviceSummary>((page) => {
    const { devices: items, cursor } = registry.list({ ...wanted, ...page });
    return { items, cursor };
  }).filter(({ labels: has }) =>
    bound.every(([key, text]) => Object.hasOwn(has, key) && has[key] === text),
  );
  const isAll = bound.length === 0 && Object.values(wanted).every((value) => value == null);
  const ids = new Set(devices.map(({ device_id: id }) => id));
  const alerts = allPages<AlertRecord>((page) => {
    const list = hub.listAlerts(page, principal) as { alerts: AlertRecord[]; cursor?: string };
    return { items: list.alerts, cursor: list.cursor };
  }).filter(({ device_id: id }) =>
    id === undefined ? isAll : ids.has(registry.ownerOf(id) ?? ''),
  );

  const readingsOf = (deviceId: string): StateReading[] => {
    const names = new Map(registry.sensorsOf(deviceId).map((one) => [one.sensor_id, one.name]));
    const { readings } = hub.latest({ device_id: deviceId }, principal) as {
      readings: (StateReading & { sensor_id?: string; timestamp: string & number })[];
    };
    return readings.map(({ sensor_id, ...reading }) => {
      const sensor = names.get(sensor_id ?? '');
      const timestamp = Date.parse(reading.timestamp);
      return { ...reading, timestamp, ...(sensor !== undefined && { sensor }) };
    });
  };
  const maxBytes = Math.min(asked, bounds.maxBytes);
  const state = { now: hub.clock.now(), devices, alerts, readingsOf, maxBytes };
  return markUntrusted(stateText(state), ['text']);
}

function allPages<T>(ask: (page: Params) => { items: T[]; cursor: string | undefined }): T[] {
  const all: T[] = [];
  let cursor: string | undefined;
  do {
    const page = ask({ limit: 1_000, ...(cursor !== undefined && { cursor }) });
    all.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return all;
}

/** What the form of a node says. @throws RpcError -32602 */
export function contextBounds(form: { labels?: string; maxBytes?: string }): ContextBounds {
  const text = form.labels?.trim() ?? '';
  const maxBytes = form.maxBytes ? Number(form.maxBytes) : undefined;
  const { usual, min, max } = contextLimits;
  return {
    labels: text === '' ? {} : readLabels(text),
    maxBytes:
      optionalNumber({ max_bytes: maxBytes }, 'max_bytes', { min, max, integer: true }) ?? usual,
  };
}

/** `{"floor": "1"}` as JSON. */
function readLabels(text: string): Record<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Said below.
  }
  if (isObject(value) && Object.values(value).every((item) => typeof item === 'string'))
    return value as Record<string, string>;
  throw invalidParam('labels', 'labels must be JSON such as {"floor": "1"}, with texts as values');
}
