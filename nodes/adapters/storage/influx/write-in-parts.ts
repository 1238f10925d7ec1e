/** What became of some lines: those named will never be stored, all others are; or not yet clear, and why. */
export type WriteOutcome = { refused: { index: number; reason: string }[] } | { unclear: string };

/**
 * Writes lines to a database that may not say which of them it refuses: then halves are written by themselves, down to
 * the line. Lines are sent in their order; some more than once, which changes nothing.
 * @param send one request
 */
export async function writeInParts(
  lines: readonly string[],
  send: (lines: readonly string[]) => Promise<WriteOutcome>,
): Promise<{ index: number; reason: string }[]> {
  if (lines.length === 0) return [];
  const outcome = await send(lines);
  if ('refused' in outcome) return outcome.refused;
  if (lines.length === 1) return [{ index: 0, reason: outcome.unclear }];
  const middle = Math.ceil(lines.length / 2);
  const first = await writeInParts(lines.slice(0, middle), send);
  const second = await writeInParts(lines.slice(middle), send);
  return [...first, ...second.map(({ index, reason }) => ({ index: index + middle, reason }))];
}
