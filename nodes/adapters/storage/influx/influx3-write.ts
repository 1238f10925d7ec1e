import { isObject } from '../../../core/document.ts';
import type { WriteResult } from '../../../core/telemetry/ports.ts';
import type { Reading } from '../../../core/telemetry/types.ts';
import { excerpt, parseDocument, Refusal } from './influx-http.ts';
import type { Forgotten } from './influx3-forgotten.ts';
import { encodeReadings, readingsMeasurement } from './line-protocol.ts';
import { writeInParts, type WriteOutcome } from './write-in-parts.ts';

/** Characters in one request; the server takes 10 MB unless it is told otherwise. */
const longestBody = 2_000_000;

/** Sends lines; rejects as `request` of influx-http.ts does. */
export type SendLines = (lines: readonly string[]) => Promise<void>;

/** Writes readings; those the server will never take are named by position. @throws Refusal of all of them */
export async function writeReadings(
  send: SendLines,
  forgotten: Forgotten,
  readings: readonly Reading[],
): Promise<WriteResult['rejected']> {
  const { lines, positions, rejected } = encodeReadings(readings);
  const refused = [...rejected];
  for (const part of bodiesOf(lastOfEach(lines, positions, readings, forgotten)))
    for (const { index, reason } of await writeInParts(
      part.map(({ line }) => line),
      (some) => outcomeOf(send, some),
    ))
      refused.push({ index: part[index]?.position ?? index, reason });
  return refused;
}

interface Entry {
  line: string;
  position: number;
}

/**
 * The last line of each series and time, tagged with its generation: which of two rows with one key in one request
 * is kept, the server does not promise.
 */
function lastOfEach(
  lines: readonly string[],
  positions: readonly number[],
  readings: readonly Reading[],
  forgotten: Forgotten,
): Entry[] {
  const entries = new Map<string, Entry>();
  for (const [i, line] of lines.entries()) {
    const position = positions[i] ?? i;
    const reading = readings[position];
    if (!reading) continue;
    const { device_id, sensor_id, measurement_type, timestamp } = reading;
    const key = JSON.stringify([device_id, sensor_id, measurement_type, timestamp]);
    const generation = forgotten.generationOf(reading);
    const tagged =
      generation === undefined
        ? line
        : line.replace(readingsMeasurement, `${readingsMeasurement},generation=${generation}`);
    entries.set(key, { line: tagged, position });
  }
  return [...entries.values()];
}

function* bodiesOf(entries: readonly Entry[]): Generator<Entry[]> {
  let body: Entry[] = [];
  let length = 0;
  for (const entry of entries) {
    if (length > longestBody) {
      yield body;
      body = [];
      length = 0;
    }
    body.push(entry);
    length += entry.line.length + 1;
  }
  if (body.length > 0) yield body;
}

async function outcomeOf(send: SendLines, lines: readonly string[]): Promise<WriteOutcome> {
  try {
    await send(lines);
    return { refused: [] };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.statusCode === 413) return { unclear: excerpt(error.reason) };
    const refused = error.statusCode === 400 ? refusedIn(error.body, lines.length) : undefined;
    if (!refused) throw error;
    return { refused };
  }
}

/** The lines a partial write left out; undefined if the answer does not say which. */
function refusedIn(body: string, sent: number): { index: number; reason: string }[] | undefined {
  const document = parseDocument(body);
  const data = isObject(document) ? document['data'] : undefined;
  if (!Array.isArray(data) || data.length === 0) return undefined;
  const refused: { index: number; reason: string }[] = [];
  for (const one of data as unknown[]) {
    if (!isObject(one)) return undefined;
    const { line_number: line, error_message: reason } = one;
    if (typeof line !== 'number' || !(line >= 1 && line <= sent)) return undefined;
    refused.push({ index: line - 1, reason: excerpt(String(reason)) });
  }
  return refused;
}
