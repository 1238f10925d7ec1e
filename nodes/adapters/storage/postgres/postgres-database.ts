import type { RemoteDatabase } from '../../../core/telemetry/remote.ts';
import { createConnections } from './connections.ts';
import { countReadings } from './layout.ts';
import { openDatabase, type Server } from './opening.ts';
import { createQueries } from './queries.ts';
import { createRemoval } from './removal.ts';
import { createSeriesIds } from './series-ids.ts';
import { listSeries } from './stored-series.ts';
import { addressOf, parseTarget, type PostgresOptions } from './target.ts';
import { approximateCount, dropOldChunks } from './timescale.ts';
import { createWriter } from './writer.ts';

/** Questions that are asked at once; others wait. */
const questionsAtOnce = 3;

/**
 * Readings in PostgreSQL 13 or later, in a schema of their own; with TimescaleDB in a hypertable. What is written is on
 * the server's disk (and its synchronous standbys', if it has any) when `write` resolves. `count` is exact up to some
 * hundred thousand readings, and the server's own estimate past that. Several hubs may use one database.
 * @throws Error for an address that makes no sense
 */
export function createPostgresDatabase(options: PostgresOptions): RemoteDatabase {
  const target = parseTarget(options);
  // What changes something has a connection of its own, so that no question holds it up.
  const changes = createConnections(target, 1);
  const questions = createConnections(target, questionsAtOnce);
  const seriesIds = createSeriesIds();
  const write = createWriter(changes, seriesIds);
  const removal = createRemoval(changes);
  let server: Server | undefined;
  const hypertable = () => (server?.timescale?.isHypertable ? server.timescale : undefined);

  return {
    name() {
      const { version, timescale, isDurable = true } = server ?? {};
      return [
        'PostgreSQL',
        ...(version === undefined ? [] : [version]),
        ...(timescale ? [`with TimescaleDB ${timescale.version}`] : []),
        `at ${addressOf(target)}`,
        ...(isDurable ? [] : ['(fsync is off: a power cut may lose readings)']),
      ].join(' ');
    },
    async open() {
      seriesIds.forget();
      server = await openDatabase(changes, target);
      return listSeries(changes);
    },
    write: async (readings) => ({ rejected: await write(readings) }),
    ...createQueries(questions),
    removeDevice: removal.removeDevice,
    async expire(times) {
      const timescale = hypertable();
      const drop = timescale && dropOldChunks(timescale, times);
      if (drop !== undefined) await changes.query(drop);
      await removal.expire(times);
    },
    async count() {
      const timescale = hypertable();
      const statement = timescale ? approximateCount(timescale) : countReadings;
      const [row] = await questions.query<{ count: number }>(statement);
      return row?.count;
    },
    async close() {
      await Promise.all([changes.close(), questions.close()]);
    },
  };
}
