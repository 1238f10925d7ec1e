import { transferOfReadings, type PackedReadings } from '../packing.ts';
import { serveCalls } from '../worker-port.ts';
import type { ScanRequest } from './spool-entries.ts';
import { openSpoolFile, type SpoolDamage, type SpoolFile } from './spool-file.ts';
import type {
  LoadedSpool,
  RefusedReading,
  ScannedReadings,
  SpooledSeries,
  SpoolHead,
  SpoolLevel,
  WaitingChange,
} from './spool-types.ts';

// A type and not an interface, because only that fits an index signature.
export type SpoolOperations = {
  open: {
    request: { file: string; maxBytes: number; now: number; damage?: SpoolDamage };
    answer: { loaded: LoadedSpool; quarantined?: string };
  };
  append: {
    request: { series: SpooledSeries[]; batches: PackedReadings[]; at: number };
    answer: SpoolLevel;
  };
  appendChange: {
    request: { change: WaitingChange; removed: number[]; at: number };
    answer: SpoolLevel;
  };
  head: { request: number; answer: SpoolHead | undefined };
  release: {
    request: { last: number; refused: RefusedReading[]; at: number };
    answer: SpoolLevel;
  };
  setAside: { request: number; answer: SpoolLevel };
  save: { request: { series: SpooledSeries[]; indexedTo?: number }; answer: undefined };
  forget: { request: number[]; answer: undefined };
  scan: { request: ScanRequest; answer: ScannedReadings };
  close: { request: undefined; answer: undefined };
};

let opened: SpoolFile | undefined;
const file = (): SpoolFile => {
  if (!opened) throw new Error('the file is not open');
  return opened;
};

serveCalls<SpoolOperations>({
  open({ file: path, now, ...rest }) {
    const { opened: spool, ...aside } = openSpoolFile({ path, ...rest }, now);
    opened = spool.file;
    return { value: { loaded: spool.loaded, ...aside } };
  },
  append({ series, batches, at }) {
    file().append(series, batches, at);
    return { value: file().level() };
  },
  appendChange({ change, removed, at }) {
    file().appendChange(change, removed, at);
    return { value: file().level() };
  },
  head(maxReadings) {
    const head = file().head(maxReadings);
    return { value: head, transfer: head?.batches.flatMap(transferOfReadings) ?? [] };
  },
  release({ last, refused, at }) {
    file().release(last, refused, at);
    return { value: file().level() };
  },
  setAside(id) {
    file().setAside(id);
    return { value: file().level() };
  },
  save({ series, indexedTo }) {
    file().save(series, indexedTo);
    return { value: undefined };
  },
  forget(series) {
    file().forget(series);
    return { value: undefined };
  },
  scan(request) {
    const found = file().scan(request);
    return {
      value: found,
      transfer: found.batches.flatMap((batch) => transferOfReadings(batch.readings)),
    };
  },
  close() {
    opened?.close();
    opened = undefined;
    return { value: undefined };
  },
});
