import type { Clock } from '../clock.ts';
import { createHistory, type History } from './history.ts';
import { networkOf } from './network.ts';

/** Kinds of alarms about a device that behaves unlike itself. */
export const anomalyKinds = [
  'anomaly_rate',
  'anomaly_size',
  'anomaly_time',
  'anomaly_command',
  'anomaly_address',
] as const;
export type AnomalyKind = (typeof anomalyKinds)[number];

/** Something a device does that it did not do before, with what shows it. */
export interface Anomaly {
  device_id: string;
  kind: AnomalyKind;
  message: string;
  /** The figures: what was seen and what is usual. */
  data: Record<string, unknown>;
}

/** What is remembered of a device, as it is kept over a restart. */
export interface BehaviourRecord {
  device_id: string;
  /** Messages in a quarter of an hour, and the longest of them; see `History.bytes`. */
  rates: number[];
  sizes: number[];
  /** On how many days it was heard in each hour of the day (UTC), and on how many at all. */
  hours: number[];
  days: number;
  commands: string[];
  command_count: number;
  networks: string[];
}

/** Watches how devices behave against their own past. Every call is cheap enough for every message. */
export interface BehaviourWatch {
  /** A device said something, of so many bytes. */
  message(deviceId: string, bytes: number): void;
  /** Somebody of this role has a device do something. */
  command(deviceId: string, command: string, role: string): void;
  /** A device proved who it is, from this IP address. */
  address(deviceId: string, address: string): void;
  forget(deviceId: string): void;
  restore(record: BehaviourRecord): void;
  /** What changed since the last call, for keeping. */
  changed(): BehaviourRecord[];
}

export interface BehaviourLimits {
  /** Milliseconds in which messages are counted together. */
  windowMs: number;
  /** Windows that are remembered, and that must be known before anything is unusual. */
  windows: number;
  leastWindows: number;
  /** Fewer messages in a window, and shorter messages, are never unusual. */
  leastMessages: number;
  leastBytes: number;
  /** Days that must be known before an hour is unusual, commands before a command is. */
  leastDays: number;
  leastCommands: number;
}

export const defaultBehaviourLimits: BehaviourLimits = {
  windowMs: 900_000,
  windows: 96,
  leastWindows: 24,
  leastMessages: 20,
  leastBytes: 2_048,
  leastDays: 14,
  leastCommands: 20,
};

const dayMs = 86_400_000;
const hourMs = 3_600_000;
const mostDays = 60;
const mostCommands = 64;
const mostNetworks = 4;

interface Behaviour {
  rates: History;
  sizes: History;
  hours: Uint8Array;
  days: number;
  /** The day and hours of it that are counted in `hours`. */
  day: number;
  heardIn: number;
  commands: Set<string>;
  commandCount: number;
  networks: string[];
  /** The window under way. */
  window: number;
  messages: number;
  longest: number;
  messageLimit: number;
  byteLimit: number;
  isDirty: boolean;
}

/** @param onAnomaly told at most once a window for a device and kind */
export function createBehaviourWatch(deps: {
  clock: Clock;
  onAnomaly: (anomaly: Anomaly) => void;
  limits?: Partial<BehaviourLimits>;
}): BehaviourWatch {
  const { clock, onAnomaly } = deps;
  const limits = { ...defaultBehaviourLimits, ...deps.limits };
  const devices = new Map<string, Behaviour>();

  const restored = (record?: BehaviourRecord): Behaviour => {
    const hours = new Uint8Array(24);
    hours.set((record?.hours ?? []).slice(0, 24));
    return {
      rates: createHistory(limits.windows, record?.rates),
      sizes: createHistory(limits.windows, record?.sizes),
      hours,
      days: record?.days ?? 0,
      day: -1,
      heardIn: 0,
      commands: new Set(record?.commands),
      commandCount: record?.command_count ?? 0,
      networks: [...(record?.networks ?? [])],
      window: -1,
      messages: 0,
      longest: 0,
      messageLimit: Infinity,
      byteLimit: Infinity,
      isDirty: false,
    };
  };
  const of = (deviceId: string): Behaviour => {
    const known = devices.get(deviceId);
    if (known) return known;
    const behaviour = restored();
    devices.set(deviceId, behaviour);
    return behaviour;
  };

  /** Counts the window that ended; those without a message count as well, as far as the memory reaches. */
  const closeWindow = (one: Behaviour, window: number): void => {
    if (one.window >= 0) {
      one.rates.add(one.messages);
      if (one.longest > 0) one.sizes.add(one.longest);
      const silent = Math.min(limits.windows, window - one.window - 1);
      for (let i = 0; i < silent; i++) one.rates.add(0);
    }
    one.window = window;
    one.messages = 0;
    one.longest = 0;
    one.messageLimit = Math.max(
      limits.leastMessages,
      one.rates.limit(limits.leastWindows)?.limit ?? Infinity,
    );
    one.byteLimit = Math.max(
      limits.leastBytes,
      one.sizes.limit(limits.leastWindows)?.limit ?? Infinity,
    );
    one.isDirty = true;
  };

  /** Notes the hour of the day; the hours beside it count as known, for summer time and clocks that drift. */
  const noteHour = (deviceId: string, one: Behaviour, now: number): void => {
    const day = Math.floor(now / dayMs);
    if (day !== one.day) {
      one.day = day;
      one.heardIn = 0;
      if (one.days < mostDays) one.days += 1;
    }
    const hour = Math.floor((now % dayMs) / hourMs);
    if ((one.heardIn >> hour) & 1) return;
    one.heardIn |= 1 << hour;
    const around = [hour + 23, hour, hour + 1].map((at) => one.hours[at % 24] ?? 0);
    if (one.days > limits.leastDays && around.every((days) => days === 0))
      onAnomaly({
        device_id: deviceId,
        kind: 'anomaly_time',
        message: `it is heard at ${hour}:00 UTC, for the first time in ${one.days - 1} days`,
        data: { hour_utc: hour, days_known: one.days - 1, days_heard_by_hour: [...one.hours] },
      });
    one.hours[hour] = Math.min(mostDays, (one.hours[hour] ?? 0) + 1);
  };

  return {
    message(deviceId, bytes) {
      const one = of(deviceId);
      const now = clock.now();
      const window = Math.floor(now / limits.windowMs);
      if (window !== one.window) {
        closeWindow(one, window);
        noteHour(deviceId, one, now);
      }
      one.messages += 1;
      if (bytes > one.longest) one.longest = bytes;
      if (one.messages > one.messageLimit) {
        const { median = 0, limit = 0 } = one.rates.limit(0) ?? {};
        const data = {
          messages: one.messages,
          window_s: limits.windowMs / 1000,
          usual: round(median),
          limit: round(Math.max(limit, limits.leastMessages)),
          windows_known: one.rates.size(),
        };
        one.messageLimit = Infinity;
        onAnomaly({
          device_id: deviceId,
          kind: 'anomaly_rate',
          message: `${data.messages} messages within ${data.window_s} s, usual are ${data.usual}`,
          data,
        });
      }
      if (bytes > one.byteLimit) {
        const { median = 0, limit = 0 } = one.sizes.limit(0) ?? {};
        const data = {
          bytes,
          usual: round(median),
          limit: round(Math.max(limit, limits.leastBytes)),
          windows_known: one.sizes.size(),
        };
        one.byteLimit = Infinity;
        onAnomaly({
          device_id: deviceId,
          kind: 'anomaly_size',
          message: `a message of ${bytes} bytes, usual are up to ${data.usual}`,
          data,
        });
      }
    },

    command(deviceId, command, role) {
      const one = of(deviceId);
      const pattern = `${role} ${command}`;
      const isNew = !one.commands.has(pattern);
      if (isNew && one.commandCount >= limits.leastCommands)
        onAnomaly({
          device_id: deviceId,
          kind: 'anomaly_command',
          message: `${role} has it do "${command}", for the first time in ${one.commandCount} commands`,
          data: { command, role, known: [...one.commands], commands_known: one.commandCount },
        });
      if (isNew && one.commands.size < mostCommands) one.commands.add(pattern);
      one.commandCount += 1;
      one.isDirty = true;
    },

    address(deviceId, address) {
      const network = neighbourhoodOf(address);
      const one = of(deviceId);
      const at = one.networks.indexOf(network);
      if (at === one.networks.length - 1 && at >= 0) return;
      if (at >= 0) one.networks.splice(at, 1);
      else if (one.networks.length > 0)
        onAnomaly({
          device_id: deviceId,
          kind: 'anomaly_address',
          message: `it connects from ${address}, a network it never came from`,
          data: { address, network, known: [...one.networks] },
        });
      one.networks.push(network);
      if (one.networks.length > mostNetworks) one.networks.shift();
      one.isDirty = true;
    },

    forget: (deviceId) => void devices.delete(deviceId),
    restore: (record) => void devices.set(record.device_id, restored(record)),
    changed() {
      const records: BehaviourRecord[] = [];
      for (const [device_id, one] of devices) {
        if (!one.isDirty) continue;
        one.isDirty = false;
        records.push({
          device_id,
          rates: one.rates.bytes(),
          sizes: one.sizes.bytes(),
          hours: [...one.hours],
          days: one.days,
          commands: [...one.commands],
          command_count: one.commandCount,
          networks: one.networks,
        });
      }
      return records;
    },
  };
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** Where a device may be moved without a word: the first 24 bits of IPv4, the first 64 of IPv6. */
const neighbourhoodOf = (address: string): string =>
  networkOf(address).replace(/^(\d+\.\d+\.\d+)\.\d+$/, '$1.0/24');
