import type { DatabaseSync } from 'node:sqlite';
import type { ValueType } from '../../../core/telemetry/types.ts';
import type { Series } from '../series-index.ts';
import type { SpooledSeries } from './spool-types.ts';

/** The index of series in the spool file. */
export interface SeriesTable {
  load(): SpooledSeries[];
  put(series: readonly SpooledSeries[]): void;
  markRemoved(ids: readonly number[]): void;
  forget(ids: readonly number[]): void;
  /** Forgets what nothing that waits names any more. */
  forgetRemoved(): void;
}

export function createSeriesTable(db: DatabaseSync): SeriesTable {
  const all = db.prepare('SELECT * FROM series');
  const insert = db.prepare('INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const mark = db.prepare('UPDATE series SET removed = 1 WHERE id = ?');
  const remove = db.prepare('DELETE FROM series WHERE id = ?');
  const removeMarked = db.prepare('DELETE FROM series WHERE removed = 1');

  return {
    load: () =>
      all.all().map((row) => {
        const { id, device_id, sensor_id, measurement_type, unit, latest, refusal } = row;
        return {
          series: {
            ...{ id, device_id, sensor_id, measurement_type },
            unit: unit ?? undefined,
            value_type: row['value_type'] as ValueType,
            latest: latest === null ? undefined : (JSON.parse(latest as string) as unknown),
          } as Series,
          removed: row['removed'] === 1,
          ...(refusal !== null && { refusal: refusal as string }),
        };
      }),
    put(series) {
      for (const { series: one, removed, refusal } of series)
        insert.run(
          ...[one.id, one.device_id, one.sensor_id, one.measurement_type, one.unit ?? null],
          ...[one.value_type, one.latest ? JSON.stringify(one.latest) : null],
          ...[Number(removed), refusal ?? null],
        );
    },
    markRemoved(ids) {
      for (const id of ids) mark.run(id);
    },
    forget(ids) {
      for (const id of ids) remove.run(id);
    },
    forgetRemoved() {
      removeMarked.run();
    },
  };
}
