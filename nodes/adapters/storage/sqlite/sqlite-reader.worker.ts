import {
  createReadingQueries,
  type ReadingQueries,
  type SeriesQuery,
  type SeriesPage,
} from './reading-queries.ts';
import { transferOfPoints } from '../packing.ts';
import { serveCalls } from '../worker-port.ts';

// A type and not an interface, because only that fits an index signature.
export type ReaderOperations = {
  open: { request: string; answer: undefined };
  query: { request: SeriesQuery; answer: SeriesPage };
  close: { request: undefined; answer: undefined };
};

let opened: ReadingQueries | undefined;

serveCalls<ReaderOperations>({
  open(file) {
    opened = createReadingQueries(file);
    return { value: undefined };
  },
  query(query) {
    if (!opened) throw new Error('the file is not open');
    const page = opened.query(query);
    return { value: page, transfer: page.series.flatMap(({ points }) => transferOfPoints(points)) };
  },
  close() {
    opened?.close();
    opened = undefined;
    return { value: undefined };
  },
});
