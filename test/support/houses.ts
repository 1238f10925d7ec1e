import { readFileSync } from 'node:fs';
import { createResolver } from '../../nodes/core/naming/resolver.ts';
import type { Resolution, Resolver } from '../../nodes/core/naming/types.ts';
import { createDomain } from './domain.ts';

interface HouseDevice {
  key: string;
  name: string;
  location?: string;
  type?: string;
  labels?: Record<string, string>;
  aliases?: string[];
  measures: string[];
}

/** A phrase and what it means: one device, several, or `unclear`: nothing that may be acted upon. */
export interface Phrase {
  house: string;
  phrase: string;
  /** Keys of the devices that are meant; none when it is unclear. */
  means: string[];
  measurement?: string;
}

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../data/${name}`, import.meta.url), 'utf8'));

export const houses = read('houses.json') as Record<string, HouseDevice[]>;

/** Phrases of a file of test/data: `[house, phrase, "key", "key.measurement", "key + key" or "?"]`. */
export const phrasesOf = (name: string): Phrase[] =>
  Object.entries(read(name) as Record<string, [phrase: string, means: string][]>).flatMap(
    ([house, list]) =>
      list.map(([phrase, means]) => {
        const keys = means === '?' ? [] : means.split(' + ');
        const [, measurement] = (keys[0] ?? '').split('.');
        return {
          house,
          phrase,
          means: keys.map((key) => key.split('.')[0] ?? ''),
          ...(measurement !== undefined && { measurement }),
        };
      }),
  );

export interface HouseRig {
  resolver: Resolver;
  keyOf: Map<string, string>;
}

/** A resolver over the devices of a house, registered as devices do. */
export async function openHouse(name: string): Promise<HouseRig> {
  const { registry, events, register } = createDomain();
  const keyOf = new Map<string, string>();
  for (const { key, type = 'mcu', measures, ...device } of houses[name] ?? []) {
    const { device_id } = await register({ ...device, device_type: type });
    const measurements = measures.map((measurement_type) => ({
      measurement_type,
      value_type: 'number' as const,
    }));
    await registry.learn(device_id, measurements);
    keyOf.set(device_id, key);
  }
  return { resolver: createResolver({ devices: registry, events }), keyOf };
}

export interface Judged extends Phrase {
  outcome: 'right' | 'asked back' | 'wrong';
  said: string;
}

/** How a resolver does on phrases. */
export async function judge(phrases: readonly Phrase[]): Promise<Judged[]> {
  const rigs = new Map<string, HouseRig>();
  const judged: Judged[] = [];
  for (const phrase of phrases) {
    const rig = rigs.get(phrase.house) ?? (await openHouse(phrase.house));
    rigs.set(phrase.house, rig);
    judged.push(judgeOne(phrase, rig, rig.resolver.resolve(phrase.phrase)));
  }
  return judged;
}

function judgeOne(phrase: Phrase, { keyOf }: HouseRig, resolution: Resolution): Judged {
  const keys = (list: readonly { device_id?: string }[]): string[] =>
    [...new Set(list.map(({ device_id = '' }) => keyOf.get(device_id) ?? ''))].sort();
  const types = new Set(resolution.targets.map((target) => target.measurement_type));
  const got = keys(resolution.targets);
  const said = `${resolution.status}: ${(got.length > 0 ? got : keys(resolution.candidates)).join(', ')} ${[...types].join(', ')}`;
  if (resolution.status !== 'resolved')
    return { ...phrase, outcome: phrase.means.length === 0 ? 'right' : 'asked back', said };
  const same = got.join() === [...phrase.means].sort().join();
  const measured = phrase.measurement === undefined || types.has(phrase.measurement);
  return { ...phrase, outcome: same && measured ? 'right' : 'wrong', said };
}

/** Shares of a judgement, 0 to 1. */
export function figuresOf(judged: readonly Judged[]): {
  phrases: number;
  top1: number;
  asked_back: number;
  wrong: number;
} {
  const count = (outcome: Judged['outcome']): number =>
    judged.filter((one) => one.outcome === outcome).length;
  const phrases = judged.length;
  return {
    phrases,
    top1: count('right') / phrases,
    asked_back: count('asked back') / phrases,
    wrong: count('wrong'),
  };
}

/** The sets of phrases: the first was there while the word lists were written, the others only after that. */
export const phraseSets = ['phrases.json', 'phrases-held-out.json', 'phrases-second.json'] as const;

/** Figures of each set, by its file. */
export async function measureNames(): Promise<Record<string, ReturnType<typeof figuresOf>>> {
  const entries: [string, ReturnType<typeof figuresOf>][] = [];
  for (const name of phraseSets) entries.push([name, figuresOf(await judge(phrasesOf(name)))]);
  return Object.fromEntries(entries);
}
