import type { StoreAnswer, StoreQuery } from '../../../core/telemetry/ports.ts';
import type { ValueType } from '../../../core/telemetry/types.ts';
import { unpackPoints, unpackQuality, unpackValue } from '../packing.ts';
import { createSeriesIndex, type Series, type SeriesIndex } from '../series-index.ts';
import { createSeriesQueries } from '../series-queries.ts';
import { createWorkerHost, workerUrl, type StartThread, type WorkerHost } from '../worker-host.ts';
import type { LatestRow, SeriesRow } from './sqlite-schema.ts';
import type { ReaderOperations } from './sqlite-reader.worker.ts';
import type { WriterOperations } from './sqlite-writer.worker.ts';
import type { LoadedSeries } from './telemetry-file.ts';

/** A telemetry file, open in a thread that writes and one that reads, with its series in memory. */
export interface OpenTelemetry {
  index: SeriesIndex;
  writer: WorkerHost<WriterOperations>;
  query(query: StoreQuery): Promise<StoreAnswer>;
  /** Its file has been gone through when it was opened. */
  isChecked: boolean;
  /** What was wrong with the file and what became of it, for people. */
  notes: readonly string[];
  /** Closes the file and ends the threads. */
  close(): Promise<void>;
  /** Ends the threads as they are. */
  stop(): Promise<void>;
}

/**
 * Starts the threads and opens the file in them, the writer's first, because it creates the file.
 * @param onFailure is told when a thread ends by itself
 * @throws Error that says what is wrong with the file
 */
export async function openTelemetry(
  request: WriterOperations['open']['request'],
  onFailure: (error: Error) => void,
  startThread?: StartThread,
): Promise<OpenTelemetry> {
  const url = (name: string): URL => workerUrl(`sqlite-${name}.worker`, import.meta.url);
  const writer = createWorkerHost<WriterOperations>(url('writer'), startThread, onFailure);
  const reader = createWorkerHost<ReaderOperations>(url('reader'), startThread, onFailure);
  const stop = async (): Promise<void> => {
    await Promise.all([writer.stop(), reader.stop()]);
  };
  try {
    const { isChecked, notes, ...loaded } = await writer.call('open', request);
    await reader.call('open', request.file);
    const index = indexOf(loaded);
    return {
      ...{ index, writer, stop, isChecked, notes },
      query: createSeriesQueries(index, async ({ series, ...question }) => {
        const { series: gathered, next } = await reader.call('query', {
          ...question,
          series: series.map(({ id, value_type }) => ({ id, type: value_type })),
        });
        return {
          series: gathered.map((one) => ({ ...one, points: unpackPoints(one.points) })),
          ...(next && { next }),
        };
      }),
      async close() {
        try {
          await reader.call('close', undefined);
          await writer.call('close', undefined);
        } finally {
          await stop();
        }
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function indexOf({ series, latest, nextId }: LoadedSeries): SeriesIndex {
  const index = createSeriesIndex(nextId);
  const latestOf = new Map(latest.map((row) => [row.series, row]));
  for (const row of series) index.load(seriesOf(row, latestOf.get(row.id)));
  return index;
}

function seriesOf(row: SeriesRow, latest: LatestRow | undefined): Series {
  const value_type = row.value_type as ValueType;
  return {
    ...row,
    ...{ value_type, unit: row.unit ?? undefined },
    latest: latest && {
      timestamp: latest.timestamp,
      value: unpackValue(value_type, latest.number ?? 0, latest.text ?? undefined),
      quality: unpackQuality(latest.quality),
    },
  };
}
