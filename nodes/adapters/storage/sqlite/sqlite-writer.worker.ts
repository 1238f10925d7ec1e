import {
  openTelemetryFile,
  type OpenedTelemetryFile,
  type OpenRequest,
} from './open-telemetry-file.ts';
import type { SeriesExpiry } from './reading-remover.ts';
import { type LoadedSeries, type ReadingsCommit, type TelemetryFile } from './telemetry-file.ts';
import { createUpkeep, type Upkeep, type UpkeepTuning } from './upkeep.ts';
import { serveCalls } from '../worker-port.ts';

// A type and not an interface, because only that fits an index signature.
export type WriterOperations = {
  open: {
    request: OpenRequest & UpkeepTuning;
    answer: LoadedSeries & Pick<OpenedTelemetryFile, 'isChecked' | 'notes'>;
  };
  commit: { request: ReadingsCommit; answer: undefined };
  remove: { request: number[]; answer: undefined };
  /** Deletes a part of what is too old; answers whether something of it is left. */
  expire: { request: SeriesExpiry[]; answer: boolean };
  /** `problem` is what the upkeep of the file failed with last. */
  state: { request: undefined; answer: { readings: number; problem?: string } };
  close: { request: undefined; answer: undefined };
};

let opened: { file: TelemetryFile; upkeep: Upkeep } | undefined;

const open = (): { file: TelemetryFile; upkeep: Upkeep } => {
  if (!opened) throw new Error('the file is not open');
  return opened;
};

serveCalls<WriterOperations>({
  open(request) {
    const { file, ...findings } = openTelemetryFile(request);
    opened = { file, upkeep: createUpkeep(file, request) };
    return { value: { ...file.loaded, ...findings } };
  },
  commit(commit) {
    const { file, upkeep } = open();
    upkeep.assertWell();
    file.commit(commit);
    upkeep.committed(commit.readings.series.length);
    return { value: undefined };
  },
  remove(series) {
    const { file, upkeep } = open();
    file.remove(series);
    upkeep.sweep();
    return { value: undefined };
  },
  expire: (expiries) => ({ value: open().file.expire(expiries) }),
  state() {
    const { file, upkeep } = open();
    upkeep.assertWell();
    const problem = upkeep.problem();
    return {
      value: {
        readings: file.count(),
        ...(problem && { problem: problem.message }),
      },
    };
  },
  close() {
    opened?.upkeep.stop();
    opened?.file.close();
    opened = undefined;
    return { value: undefined };
  },
});
