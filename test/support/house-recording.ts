import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A moment of the recorded house: what each device said, by its name. */
export interface HouseMoment {
  /** Milliseconds since the epoch. */
  at: number;
  readings: Record<string, Record<string, number>>;
}

const sample = join(import.meta.dirname, '../../scripts/demo/data/house-sensors-sample.csv');
const devices =
  /^(kitchen|living_room|laundry_room|office|bathroom|outside_north|ironing_room|teenager_room|parents_room|weather)_|^(appliances|lights)/;

/** The recording of the demo, or another of the same form. */
export function readHouse(file = sample): HouseMoment[] {
  const [header = '', ...lines] = readFileSync(file, 'utf8').trim().split('\n');
  const columns = header.split(',').slice(1);
  return lines.map((line) => {
    const [time = '', ...values] = line.split(',');
    const readings: HouseMoment['readings'] = {};
    for (const [i, column] of columns.entries()) {
      const device = devices.exec(column)?.[1] ?? 'meter';
      (readings[device] ??= {})[column] = Number(values[i]);
    }
    return { at: Date.parse(`${time}Z`), readings };
  });
}
