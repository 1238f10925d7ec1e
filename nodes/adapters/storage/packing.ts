import type { Transferable } from 'node:worker_threads';
import {
  qualities,
  type Quality,
  type Reading,
  type ReadingValue,
  type ValueType,
} from '../../core/telemetry/types.ts';
import type { Point } from '../../core/telemetry/ports.ts';

/** Readings as columns whose memory moves between threads instead of being copied. */
export interface PackedReadings {
  series: Uint32Array<ArrayBuffer>;
  timestamp: Float64Array<ArrayBuffer>;
  /** Numbers, booleans as 0 and 1, and NaN where the value is the next one of `text`. */
  number: Float64Array<ArrayBuffer>;
  /** Position in `qualities`. */
  quality: Uint8Array<ArrayBuffer>;
  text: string[];
}

export function packReadings(
  readings: readonly Reading[],
  owners: readonly { id: number }[],
): PackedReadings {
  const { length } = readings;
  const packed: PackedReadings = {
    series: new Uint32Array(length),
    timestamp: new Float64Array(length),
    number: new Float64Array(length),
    quality: new Uint8Array(length),
    text: [],
  };
  for (const [i, { timestamp, value, quality }] of readings.entries()) {
    packed.series[i] = owners[i]?.id ?? 0;
    packed.timestamp[i] = timestamp;
    packed.quality[i] = packQuality(quality);
    if (typeof value === 'string') {
      packed.number[i] = NaN;
      packed.text.push(value);
    } else {
      packed.number[i] = Number(value);
    }
  }
  return packed;
}

/** The readings of a pack, each with the id of its series. */
export function* unpackReadings(
  { series, timestamp, number, quality, text }: PackedReadings,
  typeOf: (series: number) => ValueType | undefined,
): Generator<{ id: number; timestamp: number; value: ReadingValue; quality: Quality }> {
  let nextText = 0;
  for (let i = 0; i < series.length; i++) {
    const id = series[i] as number;
    const value = number[i] as number;
    yield {
      id,
      timestamp: timestamp[i] as number,
      value: Number.isNaN(value)
        ? (text[nextText++] as string)
        : unpackValue(typeOf(id) ?? 'number', value, undefined),
      quality: unpackQuality(quality[i] as number),
    };
  }
}

export const transferOfReadings = (packed: PackedReadings): Transferable[] => [
  packed.series.buffer,
  packed.timestamp.buffer,
  packed.number.buffer,
  packed.quality.buffer,
];

export const packQuality = (quality: Quality | undefined): number =>
  Math.max(0, qualities.indexOf(quality ?? 'good'));

export const unpackQuality = (code: number): Quality => qualities[code] ?? 'good';

/** A stored value in its series' own type. */
export function unpackValue(
  type: ValueType,
  number: number,
  text: string | undefined,
): ReadingValue {
  if (type === 'string') return text ?? '';
  return type === 'boolean' ? number !== 0 : number;
}

/** Points of one series as columns. */
export interface PackedPoints {
  type: ValueType;
  timestamp: Float64Array<ArrayBuffer>;
  count: Uint32Array<ArrayBuffer>;
  number: Float64Array<ArrayBuffer>;
  text: string[];
}

export function packPoints(points: readonly Point[]): PackedPoints {
  const type = typeof points[0]?.value as ValueType;
  const isText = type === 'string';
  return {
    type,
    timestamp: Float64Array.from(points, (point) => point.timestamp),
    count: Uint32Array.from(points, (point) => point.count),
    number: isText ? new Float64Array() : Float64Array.from(points, (point) => Number(point.value)),
    text: isText ? points.map((point) => String(point.value)) : [],
  };
}

export const transferOfPoints = (packed: PackedPoints): Transferable[] => [
  packed.timestamp.buffer,
  packed.count.buffer,
  packed.number.buffer,
];

export function unpackPoints(packed: PackedPoints): Point[] {
  const { type, timestamp, count, number, text } = packed;
  return Array.from(timestamp, (time, index) => ({
    timestamp: time,
    value: unpackValue(type, number[index] ?? 0, text[index]),
    count: count[index] ?? 1,
  }));
}
