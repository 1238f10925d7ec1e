import { editDistance } from '../edit-distance.ts';

/** Longest name that is compared; what is longer is no slip of the finger. */
const maxLength = 128;

/**
 * The candidate closest to a misspelt name, for "did you mean" in an error's `data`; undefined when
 * none is close enough to be meant: more than a third of the letters (at most four) would have to change.
 * Case and the order of two neighbouring letters count little.
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length === 0 || name.length > maxLength) return undefined;
  const wanted = name.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.min(4, Math.max(1, Math.floor(name.length / 3))) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const distance = editDistance(wanted, candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}
