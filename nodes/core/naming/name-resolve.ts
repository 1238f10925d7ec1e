import type { JsonObject } from '../document.ts';
import { invalidParam, optionalNumber } from '../params.ts';
import type { Principal } from '../security/types.ts';
import { markUntrusted } from '../untrusted.ts';
import {
  targetKinds,
  type Resolution,
  type Resolver,
  type TargetKind,
  type Understood,
} from './types.ts';

const limits = { usual: 5, max: 50 };
const mostTargets = 100;

/** Answer to `name.resolve`. */
export type NamedResolution = Omit<Resolution, 'understood'> & {
  summary: string;
  understood: Omit<Understood, 'phrase'>;
  truncated?: object;
  untrusted: string[];
};

/**
 * `name.resolve`: `{ phrase, kinds?, limit? }`. What a phrase means, or what it may mean; of many targets the first 100.
 * @throws RpcError -32602
 */
export function resolveName(
  resolver: Resolver,
  params: JsonObject,
  principal: Principal | undefined,
): NamedResolution {
  const phrase = params['phrase'];
  if (typeof phrase !== 'string') throw invalidParam('phrase', 'phrase is missing; it is a string');
  const limit =
    optionalNumber(params, 'limit', { min: 1, max: limits.max, integer: true }) ?? limits.usual;
  const kinds = kindsOf(params['kinds'] ?? undefined);
  const resolution = resolver.resolve(phrase, { principal, limit, ...(kinds && { kinds }) });
  const { targets, understood } = resolution;
  const { words, plural } = understood;
  const cut = targets.length > mostTargets;
  return markUntrusted(
    {
      summary: summaryOf(resolution),
      ...resolution,
      // What the caller said itself is not said back: it may be an id they should not know.
      understood: { words, plural },
      targets: targets.slice(0, mostTargets),
      ...(cut && {
        truncated: { reason: 'limit', shown: mostTargets, total: targets.length },
      }),
    },
    [
      ...['name', 'where', 'measurement_type'].flatMap((field) => [
        `targets[].${field}`,
        `candidates[].${field}`,
      ]),
      // A phrase may repeat what a device is called.
      'understood.words[].said',
    ],
  );
}

function kindsOf(kinds: unknown): TargetKind[] | undefined {
  if (kinds === undefined) return undefined;
  if (!Array.isArray(kinds) || kinds.length === 0 || kinds.length > targetKinds.length)
    throw invalidParam('kinds', `kinds must be a list of ${targetKinds.join(', ')}`);
  return kinds.map((kind: unknown, index) => {
    const known = targetKinds.find((one) => one === kind);
    if (known) return known;
    throw invalidParam(`kinds[${index}]`, `a kind is one of ${targetKinds.join(', ')}`, {
      allowed: targetKinds,
    });
  });
}

function summaryOf({ status, targets, matches, candidates }: Resolution): string {
  if (status === 'resolved')
    return targets.length === 1 ? 'This means one thing.' : `This means ${targets.length} things.`;
  if (status === 'ambiguous')
    return `This may mean ${matches === 1 ? 'one thing, but not surely' : `${matches} things`}: ask which of the candidates.`;
  return candidates.length > 0
    ? 'Nothing is called this; the candidates come nearest.'
    : 'Nothing is called this, and nothing comes near.';
}
