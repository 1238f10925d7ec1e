import type { WriteResult } from '../../../core/telemetry/ports.ts';
import type { Reading } from '../../../core/telemetry/types.ts';
import { excerpt, Refusal } from './influx-http.ts';
import type { Influx1Client } from './influx1-client.ts';
import { encodeReadings } from './line-protocol.ts';
import { writeInParts, type WriteOutcome } from './write-in-parts.ts';

/** A line and the position of its reading. */
interface Entry {
  index: number;
  line: string;
}

/** Characters in one request; the server takes 25 MB unless it is told otherwise. */
const longestBody = 4_000_000;

/** Writes readings; those the server will never take are named by position. @throws Refusal of all of them */
export async function writeReadings(
  client: Influx1Client,
  readings: readonly Reading[],
): Promise<WriteResult['rejected']> {
  const { lines, positions, rejected } = encodeReadings(readings);
  const entries = lines.map((line, i) => ({ index: positions[i] as number, line }));
  for (const body of bodiesOf(entries)) rejected.push(...(await writeBody(client, body, readings)));
  return rejected.sort((a, b) => a.index - b.index);
}

/**
 * A server that stored only a part says neither which nor, where several shards were involved, that the part is whole.
 * So what was sent is sent again in parts, in an order in which what is refused for one reason lies together.
 */
async function writeBody(
  client: Influx1Client,
  entries: readonly Entry[],
  readings: readonly Reading[],
): Promise<WriteResult['rejected']> {
  const linesOf = (some: readonly Entry[]): string[] => some.map(({ line }) => line);
  const whole = await send(client, linesOf(entries));
  const named = (some: readonly Entry[], refused: WriteResult['rejected']) =>
    refused.map(({ index, reason }) => ({ index: some[index]?.index ?? index, reason }));
  if ('refused' in whole) return named(entries, whole.refused);
  const order = sorted(entries, readings);
  return named(order, await writeInParts(linesOf(order), (part) => send(client, part)));
}

async function send(client: Influx1Client, lines: readonly string[]): Promise<WriteOutcome> {
  try {
    await client.write(lines);
    return { refused: [] };
  } catch (error) {
    const outcome = error instanceof Refusal ? outcomeOf(error, lines.length) : undefined;
    if (!outcome) throw error;
    return outcome;
  }
}

/** What a refusal says of the lines; undefined if it is not about them. */
function outcomeOf({ statusCode, reason }: Refusal, sent: number): WriteOutcome | undefined {
  const why = excerpt(reason.replace(/^partial write: | dropped=\d+\s*$/g, ''));
  if (statusCode === 413) return { unclear: why };
  if (statusCode !== 400 || !/^(partial write|unable to parse)/.test(reason)) return undefined;
  const [, dropped] = / dropped=(\d+)\s*$/.exec(reason) ?? [];
  if (Number(dropped) !== sent) return { unclear: why };
  return { refused: Array.from({ length: sent }, (_, index) => ({ index, reason: why })) };
}

function* bodiesOf(entries: readonly Entry[]): Generator<readonly Entry[]> {
  let from = 0;
  let characters = 0;
  for (const [position, { line }] of entries.entries()) {
    if (characters + line.length >= longestBody && position > from) {
      yield entries.slice(from, position);
      from = position;
      characters = 0;
    }
    characters += line.length + 1;
  }
  if (from < entries.length) yield entries.slice(from);
}

/** By type of value and time. Readings of one series and time keep their order, in which the last wins. */
const sorted = (entries: readonly Entry[], readings: readonly Reading[]): Entry[] =>
  entries.toSorted((a, b) => {
    const one = readings[a.index] as Reading;
    const other = readings[b.index] as Reading;
    const types = (typeof one.value).localeCompare(typeof other.value);
    return types || one.timestamp - other.timestamp;
  });
