import type { DeviceRecord, SensorRecord } from '../device/types.ts';
import { termsOf } from './terms.ts';
import { createVocabulary, type Vocabulary } from './vocabulary.ts';

/** Where devices are found by their terms. Places in it (`at`) are good until the next change. */
export interface NameIndex {
  /** Takes a device in, or anew. */
  put(device: DeviceRecord, sensors: readonly SensorRecord[]): void;
  remove(deviceId: string): void;
  /** Where the devices of a term are, with some that are there no more. */
  postings(term: string): readonly number[];
  /** All places. */
  all(): Iterable<number>;
  size(): number;
  /** The device at a place; undefined if it is gone. */
  idAt(at: number): string | undefined;
  placeOf(deviceId: string): number | undefined;
  /** How well the device at a place is found by a term, 0 to 100. */
  strength(at: number, term: string): number;
  /** Who is called exactly this. */
  called(key: string): readonly { at: number; sensor_id?: string }[];
  /** Of the devices' own words. */
  vocabulary: Vocabulary;
}

interface Doc {
  id: string;
  /** Sorted ids of terms, and how well each finds it. */
  terms: Int32Array;
  strengths: Uint8Array;
  names: string[];
}

const none: readonly number[] = [];

export function createNameIndex(): NameIndex {
  let docs: (Doc | undefined)[] = [];
  let postings: number[][] = [];
  const termIds = new Map<string, number>();
  const places = new Map<string, number>();
  const called = new Map<string, { at: number; sensor_id?: string }[]>();
  const vocabulary = createVocabulary();
  let gone = 0;

  const idOf = (term: string): number => {
    const known = termIds.get(term);
    if (known !== undefined) return known;
    const id = termIds.size;
    termIds.set(term, id);
    postings.push([]);
    if (term.startsWith('w:')) vocabulary.add(term.slice(2));
    return id;
  };

  const drop = (deviceId: string): void => {
    const at = places.get(deviceId);
    if (at === undefined) return;
    for (const key of docs[at]?.names ?? []) {
      const left = (called.get(key) ?? []).filter((entry) => entry.at !== at);
      if (left.length > 0) called.set(key, left);
      else called.delete(key);
    }
    docs[at] = undefined;
    places.delete(deviceId);
    gone += 1;
  };

  const place = (doc: Doc, names: readonly { key: string; sensor_id?: string }[]): void => {
    const at = docs.push(doc) - 1;
    places.set(doc.id, at);
    for (const id of doc.terms) postings[id]?.push(at);
    for (const { key, ...of } of names) {
      const list = called.get(key);
      if (list) list.push({ at, ...of });
      else called.set(key, [{ at, ...of }]);
    }
  };

  /** Closes the gaps of what is gone, once they are half of all. */
  const compact = (): void => {
    if (gone < 1_000 || gone * 2 < docs.length) return;
    const moved = new Map<number, number>();
    const kept: Doc[] = [];
    docs.forEach((doc, at) => {
      if (!doc) return;
      moved.set(at, kept.length);
      places.set(doc.id, kept.length);
      kept.push(doc);
    });
    docs = kept;
    gone = 0;
    postings = postings.map((list) => list.flatMap((at) => moved.get(at) ?? []));
    for (const list of called.values())
      for (const entry of list) entry.at = moved.get(entry.at) ?? -1;
  };

  return {
    vocabulary,
    put(device, sensors) {
      drop(device.device_id);
      const { terms, names } = termsOf(device, sensors);
      const sorted = [...terms].map(([term, strength]) => [idOf(term), strength] as const);
      sorted.sort(([a], [b]) => a - b);
      place(
        {
          id: device.device_id,
          terms: Int32Array.from(sorted, ([id]) => id),
          strengths: Uint8Array.from(sorted, ([, strength]) => strength),
          names: names.map(({ key }) => key),
        },
        names,
      );
      compact();
    },
    remove(deviceId) {
      drop(deviceId);
      compact();
    },
    postings(term) {
      const id = termIds.get(term);
      return (id === undefined ? undefined : postings[id]) ?? none;
    },
    all: () => places.values(),
    size: () => places.size,
    idAt: (at) => docs[at]?.id,
    placeOf: (deviceId) => places.get(deviceId),
    strength(at, term) {
      const id = termIds.get(term);
      const doc = docs[at];
      if (id === undefined || !doc) return 0;
      let low = 0;
      let high = doc.terms.length - 1;
      while (low <= high) {
        const middle = (low + high) >> 1;
        const found = doc.terms[middle] ?? 0;
        if (found === id) return doc.strengths[middle] ?? 0;
        if (found < id) low = middle + 1;
        else high = middle - 1;
      }
      return 0;
    },
    called: (key) => called.get(key) ?? [],
  };
}
