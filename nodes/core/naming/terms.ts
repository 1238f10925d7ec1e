import type { DeviceRecord, MeasurementDeclaration, SensorRecord } from '../device/types.ts';
import { broaderOf, isThing, measuringKinds } from './lexicon.ts';
import { unitsOf, type Unit } from './reading.ts';
import { stemOf, wordsOf } from './words.ts';

/** How well a device is found by something it is called or that is said of it, of 100. */
const weight = { name: 100, place: 100, label: 98, type: 96, model: 85, narrower: 85, kind: 97 };

/** Under what a device is found. */
export interface DeviceTerms {
  /** Term to how well, 1 to 100. */
  terms: Map<string, number>;
  /** What it and its sensors are called, as `nameKey` of it. */
  names: { key: string; sensor_id?: string }[];
}

const largestCache = 20_000;
const cache = new Map<string, readonly Unit[]>();

/** The units of a text that comes again and again. */
export function cachedUnits(text: string): readonly Unit[] {
  const known = cache.get(text);
  if (known) return known;
  if (cache.size >= largestCache) cache.clear();
  const units = unitsOf(text);
  cache.set(text, units);
  return units;
}

export const nameKey = (text: string): string => wordsOf(text).join(' ');

/** Measurements that a device may be named for without saying so in its declarations. */
export const softMeasurements: ReadonlySet<string> = new Set(
  ['contact', 'motion', 'presence', 'rain', 'wind', 'position', 'level', 'vibration'].map(
    (name) => `m:${name}`,
  ),
);

const actuators = ['light', 'plug', 'switch', 'cover', 'lock', 'camera', 'fan', 'valve', 'speaker'];
const placeKeys = new Set(['room', 'area', 'zone', 'place', 'raum', 'zimmer', 'bereich']);
const floorKeys = new Set(['floor', 'level', 'storey', 'story', 'etage', 'stockwerk', 'geschoss']);

/** What is measured where on a device: by itself, or by a sensor under it. */
export interface Measured extends MeasurementDeclaration {
  sensor?: SensorRecord;
}

export function measuredBy(device: DeviceRecord, sensors: readonly SensorRecord[]): Measured[] {
  return [
    ...device.measurements,
    ...sensors.flatMap((sensor) =>
      sensor.measurements.map((measurement) => ({ ...measurement, sensor })),
    ),
  ];
}

export function termsOf(device: DeviceRecord, sensors: readonly SensorRecord[]): DeviceTerms {
  const terms = new Map<string, number>();
  const add = (term: string, strength: number): void => {
    if (strength > (terms.get(term) ?? 0)) terms.set(term, Math.round(strength));
  };
  const measured = measuredBy(device, sensors);
  const silent = measured.length === 0;
  const addText = (text: string | undefined, strength: number): void => {
    if (text !== undefined)
      for (const unit of cachedUnits(text)) addUnit(unit, strength, { add, silent });
  };
  const addNumbersLess: typeof add = (term, strength) =>
    add(term, term.startsWith('n:') ? strength * 0.88 : strength);

  addText(device.name, weight.name);
  for (const alias of device.aliases ?? []) addText(alias, weight.name);
  for (const unit of cachedUnits(device.location ?? ''))
    addUnit(unit, weight.place, { add: addNumbersLess, silent });
  addPlaceNumbers(device.location, true, add);
  addPlaceNumbers(device.name, false, add);
  for (const [key, value] of Object.entries(device.labels)) {
    addText(value, weight.label);
    if (placeKeys.has(key.toLowerCase())) addPlaceNumbers(value, true, add);
    if (floorKeys.has(key.toLowerCase()) && /^-?\d{1,2}$/.test(value.trim())) {
      const floor = String(Number(value));
      terms.delete(`n:${floor}`);
      addConcept(`f:${floor}`, weight.label, add);
    }
  }
  addText(device.device_type, weight.type);
  for (const text of [device.manufacturer, device.model]) addText(text, weight.model);
  for (const sensor of sensors) {
    addText(sensor.name, weight.name);
    for (const text of [sensor.manufacturer, sensor.model]) addText(text, weight.model);
  }
  addMeasured(measured, terms, add);

  const names = [device.name, ...(device.aliases ?? [])].map((name) => ({ key: nameKey(name) }));
  const ofSensors = sensors.map(({ name, sensor_id }) => ({ key: nameKey(name), sensor_id }));
  return { terms, names: [...names, ...ofSensors].filter(({ key }) => key !== '') };
}

/** What it measures, and what kinds of device are known by that. */
function addMeasured(
  measured: readonly Measured[],
  terms: ReadonlyMap<string, number>,
  add: (term: string, strength: number) => void,
): void {
  for (const { measurement_type } of measured)
    for (const unit of cachedUnits(measurement_type))
      for (const term of termsOfUnit(unit)) add(term.startsWith('m:') ? term : `t:${term}`, 100);
  for (const [kind, types] of measuringKinds)
    if (types.some((type) => terms.has(type))) add(kind, 88);
  if (measured.length > 0 && !actuators.some((kind) => terms.has(`k:${kind}`))) add('g:sensor', 90);
}

/**
 * Numbers of a place, so that "lamp 7" is not any lamp in room 7, and "room 7" not that of lamp 7.
 * @param everywhere whether all numbers of the text are of a place, or those behind a word for a room only
 */
function addPlaceNumbers(
  text: string | undefined,
  everywhere: boolean,
  add: (term: string, strength: number) => void,
): void {
  const units = cachedUnits(text ?? '');
  units.forEach((unit, at) => {
    const number = numberOf(unit);
    const before = units[at - 1];
    if (number !== undefined && (everywhere || (before && isPlaceWord(before))))
      add(`p:${number}`, 100);
  });
}

/** The number a unit is, if it is one. */
export const numberOf = ({ meanings }: Unit): string | undefined =>
  meanings.find(({ concept }) => concept.startsWith('n:'))?.concept.slice(2);

/** "room", "building". */
export const isPlaceWord = ({ meanings }: Unit): boolean =>
  meanings.some(({ concept }) => concept === 'g:room' || concept === 'g:house');

interface Sink {
  add: (term: string, strength: number) => void;
  /** Whether nothing is declared that it measures, so that its name says so. */
  silent: boolean;
}

function addUnit(unit: Unit, strength: number, sink: Sink): void {
  for (const term of termsOfUnit(unit)) {
    if (term.startsWith('m:')) {
      if (sink.silent) sink.add(term, strength * 0.9);
      sink.add(`n${term}`, strength);
    } else addConcept(term, strength, sink.add);
  }
  for (const part of unit.parts)
    for (const term of termsOfUnit(part))
      if (!/^[nm]:/.test(term)) addConcept(term, strength * 0.96, sink.add);
      else if (unit.meanings.length === 0 && term.startsWith('m:')) sink.add(`n${term}`, strength);
}

function addConcept(
  concept: string,
  strength: number,
  add: (term: string, strength: number) => void,
): void {
  add(concept, strength);
  const less = concept.startsWith('r:') ? weight.narrower : weight.kind;
  for (const wider of broaderOf(concept))
    addConcept(wider, (strength * (wider.startsWith('f:') ? weight.kind : less)) / 100, add);
}

/** The terms of a unit by itself: what it means, or the word. */
export function termsOfUnit(unit: Unit): string[] {
  if (unit.meanings.length > 0) {
    const concepts = unit.meanings.map(({ concept }) => concept);
    // "house" and "device" may be part of a name.
    return concepts.every((concept) => concept.startsWith('g:'))
      ? [...concepts, ...wordTerms(unit)]
      : concepts;
  }
  return wordTerms(unit);
}

const wordTerms = ({ said, spelled }: Unit): string[] => [
  ...new Set([`w:${stemOf(said)}`, `w:${stemOf(spelled)}`]),
];

/** The things with a temperature of their own that a text names: "fridge". */
export function thingsIn(text: string): string[] {
  return cachedUnits(text)
    .flatMap((unit) => [unit, ...unit.parts])
    .flatMap(({ meanings }) => meanings.map(({ concept }) => concept))
    .filter(isThing);
}
