import type { ExpiryTimes, SeriesInfo } from '../../../core/telemetry/ports.ts';
import type { Reading } from '../../../core/telemetry/types.ts';

/**
 * InfluxDB 3 Core deletes no rows, so what is forgotten stays there and is not asked for any more. The tag `generation`
 * tells the rows apart: it says how often their device had been removed when they were written, and, in rows that were
 * too old already, from which time on their measurement type was remembered then.
 *
 * Notes keep this over a restart. They are rows without a measurement type for a device that was removed, and rows
 * without a device for what is too old, by type, or without one for all other types; `number` is the time.
 */
export interface Forgotten {
  /** The tag of a row for a reading; undefined for none. */
  generationOf(reading: Reading): string | undefined;
  /** The generations of a series whose rows are remembered. */
  remembered(series: Pick<SeriesInfo, 'device_id' | 'measurement_type'>): Remembered;
  /** What a removal notes. */
  removal(deviceId: string): Note;
  /** What an expiry notes: those times that are later than the ones before. */
  expiry(times: ExpiryTimes): Note[];
  /** Takes in what was noted, or the generation of any row. */
  learn(note: Note): void;
}

export interface Remembered {
  /** Of rows from `since` on; undefined: those without the tag. */
  usual: string | undefined;
  since: number;
  /** Of rows before `since`; undefined: none. */
  late: string | undefined;
}

export type Note =
  /** A device had been removed so often. */
  | { deviceId: string; generation: number }
  /** Readings of a type, or of all others, are forgotten before a time. */
  | { type: string | undefined; before: number };

export function createForgotten(): Forgotten {
  const generations = new Map<string, number>();
  const times = new Map<string | undefined, number>();
  const sinceOf = (type: string): number => times.get(type) ?? times.get(undefined) ?? -Infinity;

  const remembered: Forgotten['remembered'] = ({ device_id, measurement_type }) => {
    const generation = generations.get(device_id) ?? 0;
    const since = sinceOf(measurement_type);
    return {
      usual: generation === 0 ? undefined : String(generation),
      since,
      late: since === -Infinity ? undefined : `${generation}.${since}`,
    };
  };
  return {
    remembered,
    generationOf(reading) {
      const { usual, since, late } = remembered(reading);
      return reading.timestamp < since ? late : usual;
    },
    removal: (deviceId) => ({ deviceId, generation: (generations.get(deviceId) ?? 0) + 1 }),
    expiry({ all, by_type }) {
      const wanted = new Map<string | undefined, number>();
      // A type with a time of its own does not go back before what it had without.
      for (const [type, own] of Object.entries(by_type))
        wanted.set(type, Math.max(own, sinceOf(type)));
      if (all !== undefined) {
        wanted.set(undefined, all);
        for (const type of times.keys())
          if (type !== undefined && !wanted.has(type)) wanted.set(type, all);
      }
      return [...wanted].flatMap(([type, before]) =>
        before > (times.get(type) ?? -Infinity) ? { type, before } : [],
      );
    },
    learn(note) {
      if ('deviceId' in note)
        generations.set(
          note.deviceId,
          Math.max(note.generation, generations.get(note.deviceId) ?? 0),
        );
      else times.set(note.type, Math.max(note.before, times.get(note.type) ?? -Infinity));
    },
  };
}
