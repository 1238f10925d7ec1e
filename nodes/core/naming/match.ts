import type { DeviceRecord, SensorRecord } from '../device/types.ts';
import type { NameIndex } from './index.ts';
import { isThing } from './lexicon.ts';
import type { Query, Term } from './query.ts';
import {
  cachedUnits,
  measuredBy,
  softMeasurements,
  termsOfUnit,
  thingsIn,
  type Measured,
} from './terms.ts';

/** A device that has all that a phrase needs. */
export interface Match {
  at: number;
  device: DeviceRecord;
  /** The weakest and the mean strength of what is needed, of 100. */
  weakest: number;
  mean: number;
  /** How many of the terms that are not needed fit as well. */
  extras: number;
  /** What part of its name was said, 0 to 1. */
  said: number;
  /** What of it is asked for. */
  measured: Measured[];
  /** A sensor that was named. */
  sensor?: SensorRecord | undefined;
  /** Sensors or measurements that fit equally well, where one is asked for. */
  undecided: Measured[];
  /** Things in its name, and words in what it measures, that nobody said. */
  unsaid: number;
}

export interface Matcher {
  index: NameIndex;
  device(at: number): DeviceRecord | undefined;
  sensorsOf(device: DeviceRecord): SensorRecord[];
}

export const isMeasurement = (term: Term): boolean =>
  term.alternatives.some(({ term: name }) => name.startsWith('m:')) &&
  term.alternatives.every(({ term: name }) => name.startsWith('m:') || name.startsWith('k:'));

/** How well a device has a term, 0 to 100. @param ofTypes whether words of what it measures count */
export function strengthOf(index: NameIndex, at: number, term: Term, ofTypes: boolean): number {
  let best = 0;
  for (const { term: name, sureness } of term.alternatives) {
    let found = index.strength(at, name);
    if (ofTypes) found = Math.max(found, index.strength(at, `t:${name}`));
    if (softMeasurements.has(name)) found = Math.max(found, index.strength(at, `n${name}`) * 0.9);
    best = Math.max(best, (found * sureness) / 100);
  }
  if (term.parts.length > 0 && best < 96) {
    const parts = term.parts.map((part) => strengthOf(index, at, part, ofTypes));
    best = Math.max(best, Math.min(...parts) * 0.98);
  }
  return best;
}

/** The places that have a term, with some that are there no more or are there twice. */
export function placesOf(index: NameIndex, term: Term, ofTypes: boolean): readonly number[] {
  const lists = term.alternatives.flatMap(({ term: name }) => [
    index.postings(name),
    ...(ofTypes ? [index.postings(`t:${name}`)] : []),
    ...(softMeasurements.has(name) ? [index.postings(`n${name}`)] : []),
  ]);
  if (term.parts.length > 0) {
    const parts = term.parts.map((part) => placesOf(index, part, ofTypes));
    lists.push(parts.reduce((least, part) => (part.length < least.length ? part : least)));
  }
  const full = lists.filter((list) => list.length > 0);
  return full.length === 1 ? (full[0] ?? []) : full.flat();
}

/** The places that have all of the terms; all places if there are none. */
export function placesWithAll(index: NameIndex, terms: readonly Term[]): number[] {
  if (terms.length === 0) return [...index.all()];
  const ofTypes = terms.some((term) => measures(term));
  const lists = terms
    .map((term) => ({ term, places: placesOf(index, term, ofTypes) }))
    .sort((a, b) => a.places.length - b.places.length);
  const [first, ...rest] = lists;
  const found = new Set<number>();
  for (const at of first?.places ?? [])
    if (
      index.idAt(at) !== undefined &&
      (first?.term.parts.length === 0 || strengthOf(index, at, first?.term as Term, ofTypes) > 0) &&
      rest.every(({ term }) => strengthOf(index, at, term, ofTypes) > 0)
    )
      found.add(at);
  return [...found];
}

export const measures = (term: Term): boolean =>
  isMeasurement(term) || term.parts.some((part) => measures(part));

/** All measurement terms, also those within compounds. */
export function measurementTerms(terms: readonly Term[]): Term[] {
  return terms.flatMap((term) =>
    isMeasurement(term) ? [term] : measurementTerms(term.parts.filter((part) => part.needed)),
  );
}

/** A closer look at a device that has all terms; undefined if what it measures does not fit after all. */
export function matchAt(matcher: Matcher, at: number, query: Query): Match | undefined {
  const { index } = matcher;
  const device = matcher.device(at);
  if (!device) return undefined;
  const needed = query.terms.filter((term) => term.needed);
  const asked = measurementTerms(needed);
  const strengths = needed.map((term) => strengthOf(index, at, term, asked.length > 0));
  const sensors = matcher.sensorsOf(device);
  const chosen = chooseMeasured(matcher, at, measuredBy(device, sensors), needed, asked);
  if (!chosen) return undefined;
  const sensor = asked.length === 0 ? namedSensor(device, sensors, needed) : undefined;
  const names = [device.name, ...(device.aliases ?? [])];
  return {
    at,
    device,
    weakest: strengths.length > 0 ? Math.min(...strengths) : 100,
    mean: strengths.length > 0 ? strengths.reduce((a, b) => a + b, 0) / strengths.length : 100,
    extras: query.terms.filter((term) => !term.needed && strengthOf(index, at, term, false) > 0)
      .length,
    said: Math.max(...names.map((name) => saidOf(name, query.terms))),
    ...chosen,
    unsaid: chosen.unsaid + (asked.length > 0 ? unsaidThings(device.name, query.terms) : 0),
    sensor,
  };
}

/** The same without what only decides between a few. */
export function matchBriefly(
  matcher: Matcher,
  at: number,
  needed: readonly Term[],
): Match | undefined {
  const device = matcher.device(at);
  if (!device) return undefined;
  let weakest = 100;
  let sum = 0;
  for (const term of needed) {
    const strength = strengthOf(matcher.index, at, term, false);
    weakest = Math.min(weakest, strength);
    sum += strength;
  }
  const mean = needed.length > 0 ? sum / needed.length : 100;
  const rest = { extras: 0, said: 0, measured: [], undecided: [], unsaid: 0 };
  return { at, device, weakest, mean, ...rest };
}

const flat = (terms: readonly Term[]): Term[] =>
  terms.flatMap((term) => [term, ...flat(term.parts)]);
const namesIn = (terms: readonly Term[]): Set<string> =>
  new Set(flat(terms).flatMap(({ alternatives }) => alternatives.map(({ term }) => term)));

/** Words of a compound that say nothing of which one is meant. */
const anyDevice: ReadonlySet<string> = new Set(['g:sensor', 'g:device']);

/** Letters of the words that say nothing in a name either; "reading" says something in "reading lamp". */
const longestParticle = 3;

/** What part of a name a phrase says, its words for any sensor or device left out. */
function saidOf(name: string, terms: readonly Term[]): number {
  const asked = namesIn(terms);
  const units = cachedUnits(name).filter(
    (unit) =>
      !(unit.stop && unit.said.length <= longestParticle) &&
      !termsOfUnit(unit).some((term) => term.startsWith('g:')),
  );
  if (units.length === 0) return 0;
  const said = units.filter((unit) => {
    const own = termsOfUnit(unit);
    if (own.some((term) => asked.has(term))) return true;
    const parts = unit.parts
      .map(termsOfUnit)
      .filter((part) => !part.some((term) => anyDevice.has(term)));
    return parts.length > 0 && parts.every((part) => part.some((term) => asked.has(term)));
  });
  return said.length / units.length;
}

const unsaidThings = (text: string, terms: readonly Term[]): number => {
  const asked = namesIn(terms);
  return thingsIn(text).some((thing) => isThing(thing) && !asked.has(thing)) ? 1 : 0;
};

/** The measurements that are asked for, the best of each; undefined if one of them is not there. */
function chooseMeasured(
  { index }: Matcher,
  at: number,
  all: readonly Measured[],
  needed: readonly Term[],
  asked: readonly Term[],
): Pick<Match, 'measured' | 'undecided' | 'unsaid'> | undefined {
  const result = { measured: [] as Measured[], undecided: [] as Measured[], unsaid: 0 };
  if (asked.length === 0) return result;
  // What only a type's own name says, that type has to say.
  const ofType = needed.filter(
    (term) => !measures(term) && strengthOf(index, at, term, false) === 0,
  );
  const said = namesIn(needed);
  for (const term of asked) {
    const rated = all.flatMap((measured) => {
      const rating = rate(measured, term, ofType, said);
      return rating ? [{ measured, ...rating }] : [];
    });
    if (rated.length === 0) {
      // Named for it, and declares nothing.
      if (ofType.length > 0 || all.some(() => strengthOf(index, at, term, false) === 0))
        return undefined;
      continue;
    }
    const best = Math.max(...rated.map(({ rating }) => rating));
    const top = rated.filter(({ rating }) => rating === best);
    const [{ measured, unsaid }] = top as [(typeof top)[number]];
    result.measured.push(measured);
    result.unsaid += unsaid;
    if (top.length > 1) result.undecided.push(...top.map((each) => each.measured));
  }
  return result;
}

/** How well a measurement is the one that is asked for. */
function rate(
  measured: Measured,
  term: Term,
  ofType: readonly Term[],
  said: ReadonlySet<string>,
): { rating: number; unsaid: number } | undefined {
  const units = cachedUnits(measured.measurement_type);
  const own = units.flatMap((unit) => [unit, ...unit.parts]).flatMap(termsOfUnit);
  const sureness = Math.max(
    0,
    ...term.alternatives.map((other) => (own.includes(other.term) ? other.sureness : 0)),
  );
  if (sureness === 0) return undefined;
  const has = (other: Term): boolean =>
    other.alternatives.some((each) => own.includes(each.term)) ||
    (other.parts.length > 0 && other.parts.every(has));
  if (!ofType.every(has)) return undefined;
  const unsaid = units.filter((unit) => !termsOfUnit(unit).some((name) => said.has(name))).length;
  const ofSensor = measured.sensor
    ? cachedUnits(measured.sensor.name).filter((unit) =>
        termsOfUnit(unit).some((name) => said.has(name) && !name.startsWith('m:')),
      ).length
    : 0;
  return { rating: sureness - unsaid * 5 + ofSensor * 20, unsaid };
}

/** The one sensor of a device that is named by words its device is not called. */
function namedSensor(
  device: DeviceRecord,
  sensors: readonly SensorRecord[],
  needed: readonly Term[],
): SensorRecord | undefined {
  const ofDevice = new Set(
    [device.name, device.location ?? '', ...(device.aliases ?? [])]
      .flatMap((text) => cachedUnits(text))
      .flatMap((unit) => [unit, ...unit.parts])
      .flatMap(termsOfUnit),
  );
  const asked = [...namesIn(needed)].filter(
    (name) => !name.startsWith('g:') && !ofDevice.has(name),
  );
  if (asked.length === 0) return undefined;
  const named = sensors.filter(({ name, model }) => {
    const own = [name, model ?? '']
      .flatMap((text) => cachedUnits(text))
      .flatMap((unit) => [unit, ...unit.parts])
      .flatMap(termsOfUnit);
    return asked.some((term) => own.includes(term));
  });
  return named.length === 1 ? named[0] : undefined;
}
