import { RemoteUnavailable, type RemoteDatabase } from '../../../core/telemetry/remote.ts';
import type { Reading } from '../../../core/telemetry/types.ts';

/** Most readings a database is given at once. */
export const maxWrite = 10_000;

/** Parts that are tried before it is clear that the database takes nothing at all. */
const maxProbes = 64;

/** Why readings were refused, by position. */
export type Refusals = Map<number, string>;

/** Writes readings in their order, in calls of a size the database takes. */
export async function writeAll(
  remote: RemoteDatabase,
  readings: readonly Reading[],
): Promise<Refusals> {
  const refusals: Refusals = new Map();
  for (let from = 0; from < readings.length; from += maxWrite) {
    const part = readings.length <= maxWrite ? readings : readings.slice(from, from + maxWrite);
    const { rejected } = await remote.write(part);
    for (const { index, reason } of rejected) refusals.set(from + index, reason);
  }
  return refusals;
}

/**
 * Writes readings that were acknowledged already. Where the database refuses all of them for good but takes others of
 * them alone, those that it does not take are refused one by one.
 * @throws RemoteUnavailable, or what the database said when it takes none of them
 */
export async function deliver(
  remote: RemoteDatabase,
  readings: readonly Reading[],
): Promise<Refusals> {
  try {
    return await writeAll(remote, readings);
  } catch (error) {
    if (error instanceof RemoteUnavailable || readings.length < 2) throw error;
    const isolated = await isolate(remote, readings, error);
    // Parts were tried in any order, and an older reading may have overwritten a newer one.
    const kept = [...readings.keys()].filter((position) => !isolated.has(position));
    const refusals = await writeAll(
      remote,
      kept.map((position) => readings[position] as Reading),
    );
    for (const [index, reason] of refusals) isolated.set(kept[index] as number, reason);
    return isolated;
  }
}

/** Finds the readings with which a call fails for good, by ever smaller parts. */
async function isolate(
  remote: RemoteDatabase,
  readings: readonly Reading[],
  error: unknown,
): Promise<Refusals> {
  const refusals: Refusals = new Map();
  const parts = halves(0, readings.length);
  let takesAny = false;
  let probes = 0;
  for (let part = parts.shift(); part; part = parts.shift()) {
    if (!takesAny && ++probes > maxProbes) throw error;
    const [from, to] = part;
    try {
      await writeAll(remote, readings.slice(from, to));
      takesAny = true;
    } catch (reason) {
      if (reason instanceof RemoteUnavailable) throw reason;
      if (to - from > 1) parts.push(...halves(from, to));
      else refusals.set(from, reason instanceof Error ? reason.message : String(reason));
    }
  }
  if (!takesAny) throw error;
  return refusals;
}

function halves(from: number, to: number): [number, number][] {
  const middle = Math.ceil((from + to) / 2);
  return [
    [from, middle],
    [middle, to],
  ];
}
