import type { DeviceRecord } from '../device/types.ts';
import { cachedUnits } from './terms.ts';

/** Concepts among the kinds that say what a device is like, or where, but not what it is. */
const qualities = new Set(
  (
    'ceiling desk table sofa mirror wall bed raised_bed north south east west left right front back small big old new ' +
    'supply return main upper lower white black red blue green soil leaf water gas wine plant tomato cucumber lettuce strawberry herbs orchid dog ' +
    'cat grandmother grandfather mother father car appliance'
  ).split(' '),
);

/** What a device is, in the hub's own words: `light`, `energy_meter`; `sensor` and `device` where no more is known. */
export function kindOf(device: DeviceRecord, measures: boolean): string {
  const { labels, device_type, name } = device;
  for (const text of [labels['kind'], device_type, name]) {
    const concepts = cachedUnits(text ?? '')
      .flatMap((unit) => [...unit.parts, unit].reverse())
      .flatMap(({ meanings }) => meanings.map(({ concept }) => concept))
      .filter((concept) => concept.startsWith('k:') && !qualities.has(concept.slice(2)));
    const [first] = concepts;
    if (first !== undefined) return first.slice(2);
  }
  return measures ? 'sensor' : 'device';
}

/** Where a device is, in its own words: its location, else its label of a room or area. */
export const whereOf = ({ location, labels }: DeviceRecord): string | undefined =>
  location ?? labels['room'] ?? labels['area'] ?? labels['zone'];
