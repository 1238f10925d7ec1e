import {
  placesOf,
  matchAt,
  matchBriefly,
  measurementTerms,
  measures,
  placesWithAll,
  strengthOf,
  type Match,
  type Matcher,
} from './match.ts';
import { queryOf, type Ground, type Query, type Term } from './query.ts';
import type { Unit } from './reading.ts';
import type { Candidate, ResolvedTarget, Understood } from './types.ts';

export interface Outcome {
  status: 'resolved' | 'ambiguous' | 'unknown';
  targets: ResolvedTarget[];
  candidates: Candidate[];
  words?: Understood['words'];
  plural?: boolean;
}

type Votes = ReadonlyMap<string, number>;
export type Context = Ground & Matcher & { all?: boolean | undefined };

/** So much weaker (of 100) something may be and still be meant as well as the best. */
const margin = 8;
/** So many are looked at closely, where one is asked for; a phrase that fits more is ambiguous anyway. */
const closely = 400;
/** Places looked at for what comes nearest. */
const nearestLook = 3_000;
const nearestKept = 20;

/** What units of a phrase mean. */
export function choose(context: Context, units: readonly Unit[], votes: Votes): Outcome {
  const except = units.findIndex(({ grammar }) => grammar === 'except');
  if (except > 0) return without(context, units, except, votes);
  const whole = chooseWhole(context, units, votes);
  if (whole.status !== 'unknown') return whole;
  const joint = units.findIndex(
    ({ grammar }, at) => (grammar === 'and' || grammar === 'or') && at > 0 && at < units.length - 1,
  );
  return joint > 0 ? (together(context, units, joint, votes) ?? whole) : whole;
}

function chooseWhole(context: Context, units: readonly Unit[], votes: Votes): Outcome {
  const query = queryOf(units, votes, context);
  if (context.all) query.plural = true;
  const shown = { words: wordsOfQuery(query), plural: query.plural };
  const needed = query.terms.filter((term) => term.needed);
  if (query.terms.length === 0 && !query.all)
    return { status: 'unknown', targets: [], candidates: [], ...shown };
  let matches = matchesOf(context, query, needed);
  const sensors = needed.filter((term) => term.means === 'g:sensor');
  if (matches.length === 0 && sensors.length > 0 && needed.length > sensors.length) {
    for (const term of sensors) term.needed = false;
    matches = matchesOf(
      context,
      query,
      needed.filter((term) => term.needed),
    );
  }
  if (matches.length === 0 || query.strange.length > 0)
    return { status: 'unknown', targets: [], candidates: nearest(context, query), ...shown };
  if (query.plural) return { ...allOf(matches, query), ...shown };
  return { ...oneOf(matches, query), ...shown };
}

function matchesOf(context: Context, query: Query, needed: readonly Term[]): Match[] {
  const places = placesWithAll(context.index, needed).filter((at) => context.device(at));
  if (!query.plural && places.length > closely) {
    const some = places.slice(0, closely);
    return some.flatMap((at) => matchAt(context, at, query) ?? []);
  }
  if (places.length > closely && measurementTerms(needed).length === 0)
    return places.flatMap((at) => matchBriefly(context, at, needed) ?? []);
  return places.flatMap((at) => matchAt(context, at, query) ?? []);
}

/** All that fit; what only fits by something nearby stays out where something fits better. */
function allOf(matches: readonly Match[], query: Query): Outcome {
  const best = Math.max(...matches.map(({ weakest }) => weakest));
  const kept = matches.filter(({ weakest }) => weakest >= Math.min(best, 78));
  const ranked = kept.sort((a, b) => scoreOf(b) - scoreOf(a));
  if (query.doubtful)
    return { status: 'ambiguous', targets: [], candidates: ranked.map(candidateOf) };
  return {
    status: 'resolved',
    targets: ranked.flatMap((match) => targetsOf(match, query)),
    candidates: ranked.map(candidateOf),
  };
}

/** The one that fits, if it is clear which. */
function oneOf(matches: readonly Match[], query: Query): Outcome {
  const ranked = [...matches].sort((a, b) => scoreOf(b) - scoreOf(a));
  const all = ranked.map(candidateOf);
  const left = narrowed(ranked, query);
  const [only] = left as [Match];
  if (left.length > 1 || query.doubtful) {
    const others = ranked.filter((match) => !left.includes(match));
    return { status: 'ambiguous', targets: [], candidates: [...left, ...others].map(candidateOf) };
  }
  const candidates = [
    candidateOf(only),
    ...all.filter(({ device_id }) => device_id !== only.device.device_id),
  ];
  return { status: 'resolved', targets: targetsOf(only, query), candidates };
}

/** What is left when what fits worse is taken away: each step only where something stays. */
function narrowed(matches: Match[], query: Query): Match[] {
  const steps: ((all: readonly Match[]) => Match[])[] = [
    (all) => {
      const best = Math.max(...all.map(({ weakest }) => weakest));
      return all.filter(({ weakest }) => weakest > best - margin);
    },
    (all) => {
      const most = Math.max(...all.map(({ extras }) => extras));
      return all.filter(({ extras }) => extras === most);
    },
    (all) => all.filter(({ unsaid }) => unsaid === 0),
    (all) =>
      measurementTerms(query.terms).length > 0 ? [...all] : all.filter(({ said }) => said === 1),
  ];
  let left = matches;
  for (const step of steps) {
    if (left.length < 2) break;
    const next = step(left);
    if (next.length > 0) left = next;
  }
  return left;
}

const scoreOf = ({ mean, said, unsaid }: Match): number =>
  Math.round(mean * (0.88 + 0.12 * said) * (unsaid > 0 ? 0.95 : 1)) / 100;

function candidateOf(match: Match): Candidate {
  const { device, measured, sensor } = match;
  const [first] = measured;
  return {
    device_id: device.device_id,
    ...(sensor && { sensor_id: sensor.sensor_id }),
    ...(measured.length === 1 && first && { measurement_type: first.measurement_type }),
    name: device.name,
    ...(device.location !== undefined && { where: device.location }),
    score: scoreOf(match),
  };
}

function targetsOf(match: Match, query: Query): ResolvedTarget[] {
  const { device, measured, sensor, undecided } = match;
  const base = {
    device_id: device.device_id,
    name: device.name,
    ...(device.location !== undefined && { where: device.location }),
    score: scoreOf(match),
  };
  if (measured.length === 0)
    return [{ kind: 'device', ...base, ...(sensor && { sensor_id: sensor.sensor_id }) }];
  // Which of them is open: what they share is clear.
  if (undecided.length > 0 && !query.plural) {
    const types = new Set(undecided.map(({ measurement_type }) => measurement_type));
    const [type] = types;
    return [
      types.size === 1 && type !== undefined
        ? { kind: 'measurement', ...base, measurement_type: type }
        : { kind: 'device', ...base },
    ];
  }
  return measured.map(({ measurement_type, sensor: under }) => ({
    kind: 'measurement',
    ...base,
    ...(under && { sensor_id: under.sensor_id }),
    measurement_type,
  }));
}

/** "all lights except the kitchen". */
function without(context: Context, units: readonly Unit[], at: number, votes: Votes): Outcome {
  const left = choose(context, units.slice(0, at), votes);
  if (left.status !== 'resolved') return left;
  const kept = units.slice(0, at).filter((unit) => /^[km]:/.test(unit.meanings[0]?.concept ?? ''));
  const rest = units.slice(at + 1);
  const own = choose(context, rest, votes);
  // "except the kitchen" are all in it.
  const query = queryOf(rest, votes, context);
  const places = placesWithAll(
    context.index,
    query.terms.filter((term) => term.needed),
  );
  const ids = new Set(
    query.strange.length > 0 || query.terms.length === 0
      ? []
      : places.flatMap((place) => context.device(place)?.device_id ?? []),
  );
  const gone = left.targets.filter(({ device_id = '' }) => ids.has(device_id));
  if (gone.length === 0 || gone.length === left.targets.length || kept.length > units.length)
    return {
      ...left,
      status: 'ambiguous',
      targets: [],
      candidates: own.candidates.length > 0 ? own.candidates : left.candidates,
    };
  return {
    ...left,
    targets: left.targets.filter((target) => !gone.includes(target)),
    candidates: left.candidates.filter(({ device_id }) => !ids.has(device_id)),
  };
}

const categories = [/^m:/, /^k:/, /^[rf]:/];
const isOf = (unit: Unit, category: RegExp): boolean =>
  unit.meanings.some(({ concept }) => category.test(concept));

/** "kitchen and bathroom lights": each side by itself, with what only the other says. */
function together(
  context: Context,
  units: readonly Unit[],
  at: number,
  votes: Votes,
): Outcome | undefined {
  const sides = [units.slice(0, at), units.slice(at + 1)] as const;
  const lent = (to: readonly Unit[], from: readonly Unit[]): Unit[] =>
    categories.flatMap((category) =>
      to.some((unit) => isOf(unit, category))
        ? []
        : from.filter(
            (unit) => isOf(unit, category) || (category.source === '^k:' && unit.grammar === 'all'),
          ),
    );
  const outcomes = [
    choose(context, [...sides[0], ...lent(sides[0], sides[1])], votes),
    choose(context, [...lent(sides[1], sides[0]), ...sides[1]], votes),
  ];
  const candidates = outcomes.flatMap((outcome) => outcome.candidates);
  const words = outcomes.flatMap((outcome) => outcome.words ?? []);
  if (outcomes.every(({ status }) => status === 'unknown')) return undefined;
  const clear = outcomes.every(({ status }) => status === 'resolved');
  if (!clear || units[at]?.grammar === 'or')
    return { status: 'ambiguous', targets: [], candidates, words, plural: true };
  const targets = new Map(
    outcomes
      .flatMap((outcome) => outcome.targets)
      .map((target) => [
        `${target.device_id} ${target.sensor_id} ${target.measurement_type}`,
        target,
      ]),
  );
  return { status: 'resolved', targets: [...targets.values()], candidates, words, plural: true };
}

/** What comes nearest where nothing fits. */
function nearest(context: Context, query: Query): Candidate[] {
  const { index } = context;
  const asked = query.terms.filter((term) => term.alternatives.length + term.parts.length > 0);
  const ofTypes = asked.some((term) => measures(term));
  const places = new Set<number>();
  const lists = asked
    .map((term) => placesOf(index, term, ofTypes))
    .sort((a, b) => a.length - b.length);
  for (const list of lists) {
    for (const at of list) {
      if (places.size >= nearestLook) break;
      if (context.device(at)) places.add(at);
    }
  }
  const total = query.terms.length + query.strange.length;
  return [...places]
    .map((at) => {
      const sum = asked.reduce((all, term) => all + strengthOf(index, at, term, ofTypes), 0);
      return { at, score: Math.round((sum * 0.8) / total) / 100 };
    })
    .sort((a, b) => b.score - a.score)
    .slice(0, nearestKept)
    .flatMap(({ at, score }) => {
      const device = context.device(at);
      if (!device || score <= 0) return [];
      const { device_id, name, location } = device;
      return [{ device_id, name, ...(location !== undefined && { where: location }), score }];
    });
}

const wordsOfQuery = ({ terms }: Query): Understood['words'] =>
  terms.map(({ said, means }) => ({
    said,
    ...(means !== undefined && { means: means.slice(2).replaceAll('_', ' ') }),
  }));
