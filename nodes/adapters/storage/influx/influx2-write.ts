import type { Reading } from '../../../core/telemetry/types.ts';
import type { WriteResult } from '../../../core/telemetry/ports.ts';
import { excerpt, Refusal } from './influx-http.ts';
import type { Influx2Client } from './influx2-client.ts';
import { encodeReadings } from './line-protocol.ts';
import { writeInParts, type WriteOutcome } from './write-in-parts.ts';

/** Writes readings; those the server will never take are named by position. @throws Refusal of all of them */
export async function writeReadings(
  client: Influx2Client,
  readings: readonly Reading[],
): Promise<WriteResult['rejected']> {
  const { lines, positions, rejected } = encodeReadings(readings);
  const refused = await writeInParts(lines, (part) => send(client, part));
  return [
    ...rejected,
    ...refused.map(({ index, reason }) => ({ index: positions[index] ?? index, reason })),
  ];
}

async function send(client: Influx2Client, lines: readonly string[]): Promise<WriteOutcome> {
  try {
    await client.write(lines);
    return { refused: [] };
  } catch (error) {
    const outcome = error instanceof Refusal ? outcomeOf(error, lines.length) : undefined;
    if (!outcome) throw error;
    return outcome;
  }
}

/**
 * What a refusal says of the lines: some were dropped, but not which (their number is right or too small); or nothing
 * was stored, because a line is none or because it is too much at once. Undefined if it is not about the lines.
 */
function outcomeOf({ statusCode, reason }: Refusal, sent: number): WriteOutcome | undefined {
  const why = excerpt(reason);
  if (statusCode === 413) return { unclear: why };
  if (statusCode !== 400 && statusCode !== 422) return undefined;
  if (reason.startsWith('unable to parse')) return { unclear: why };
  const [, dropped] = /partial write: .*dropped=(\d+)/s.exec(reason) ?? [];
  if (dropped === undefined) return undefined;
  if (Number(dropped) < sent) return { unclear: why };
  return { refused: Array.from({ length: sent }, (_, index) => ({ index, reason: why })) };
}
