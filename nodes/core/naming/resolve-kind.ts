import type { Outcome } from './choose.ts';
import { placesWithAll, type Matcher } from './match.ts';
import { queryOf, type Ground } from './query.ts';
import type { Unit } from './reading.ts';
import { cachedUnits, measuredBy, termsOfUnit } from './terms.ts';
import type { ResolvedTarget, TargetKind } from './types.ts';

/** What a phrase means, where only rooms, only groups or only measurements are asked for; undefined elsewhere. */
export function resolveKind(
  context: Ground & Matcher,
  units: readonly Unit[],
  votes: ReadonlyMap<string, number>,
  kinds: readonly TargetKind[] | undefined,
): Outcome | undefined {
  if (kinds?.length !== 1 || kinds[0] === 'device') return undefined;
  const [kind] = kinds as [TargetKind];
  const query = queryOf(units, votes, context);
  const words = query.terms.map(({ said }) => ({ said }));
  const unknown: Outcome = { status: 'unknown', targets: [], candidates: [], words };
  const wanted = kind === 'measurement' ? /^m:/ : kind === 'room' ? /^[rfw]:/ : /./;
  const terms = query.terms.filter(
    (term) =>
      term.needed &&
      (term.parts.length > 0 || term.alternatives.some((other) => wanted.test(other.term))),
  );
  if (terms.length === 0 || query.strange.length > 0) return unknown;
  const devices = placesWithAll(context.index, terms).flatMap((at) => context.device(at) ?? []);
  if (devices.length === 0) return unknown;
  const name = terms.map(({ said }) => said).join(' ');
  if (kind !== 'measurement') {
    const device_ids = devices.map(({ device_id }) => device_id);
    return {
      status: 'resolved',
      targets: [{ kind, name, device_ids, score: 1 }],
      candidates: [],
      words,
    };
  }
  const asked = new Set(terms.flatMap((term) => term.alternatives.map((other) => other.term)));
  const types = new Set(
    devices.flatMap((device) =>
      measuredBy(device, context.sensorsOf(device))
        .map(({ measurement_type }) => measurement_type)
        .filter((type) =>
          cachedUnits(type)
            .flatMap(termsOfUnit)
            .some((term) => asked.has(term)),
        ),
    ),
  );
  const targets = [...types].map((type): ResolvedTarget => ({
    kind,
    measurement_type: type,
    name: type,
    score: 1,
  }));
  return { status: targets.length > 0 ? 'resolved' : 'unknown', targets, candidates: [], words };
}
