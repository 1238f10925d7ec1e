const mostCompared = 2_000;

/** Edit distance of two texts, or `limit + 1` once it is sure to be more than `limit`. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    let best = row;
    for (let column = 1; column <= b.length; column++) {
      const swap = a.charCodeAt(row - 1) === b.charCodeAt(column - 1) ? 0 : 1;
      const cost = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + swap,
      );
      current.push(cost);
      if (cost < best) best = cost;
    }
    if (best > limit) return limit + 1;
    previous = current;
  }
  return previous[b.length] ?? limit + 1;
}

/**
 * The candidate that was probably meant, if one is near enough: the same but for upper and lower case, one that
 * contains the text, or one within a third of its length in edits. Compares at most 2,000 candidates.
 */
export function nearest(text: string, candidates: Iterable<string>): string | undefined {
  const wanted = text.slice(0, 64).toLowerCase();
  if (wanted === '') return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  let compared = 0;
  for (const candidate of candidates) {
    if (++compared > mostCompared) break;
    const lower = candidate.toLowerCase();
    if (lower === wanted) return candidate;
    const found =
      wanted.length >= 3 && lower.includes(wanted) ? 1 : distance(wanted, lower, bestDistance - 1);
    if (found < bestDistance) {
      best = candidate;
      bestDistance = found;
    }
  }
  return best;
}
