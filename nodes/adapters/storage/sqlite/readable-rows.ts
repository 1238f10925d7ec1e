import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';

export type Row = Record<string, SQLOutputValue>;

/** Gives the rows with keys between the two that can be read, in the order of their keys, up or down. */
interface Reader {
  up: StatementSync;
  down: StatementSync;
}

/** Rows read at once; where that fails, fewer, down to one. */
const mostAtOnce = 1_024;
const fewer = 32;

/**
 * Reads a table of a damaged database by an integer key: from its least up to what cannot be read, and then from its
 * greatest down. `onGap` is told when something could not be read.
 * @param ofColumn only rows with the given value in this column are read
 */
export function createRowReader(
  db: DatabaseSync,
  options: { table: string; key: string; ofColumn?: string; onGap: () => void },
): (value?: number) => Generator<Row> {
  const { table, key, ofColumn, onGap } = options;
  const select = (order: string): StatementSync =>
    db.prepare(
      `SELECT * FROM ${table} WHERE ${ofColumn === undefined ? '' : `${ofColumn} = ? AND`}
       ${key} > ? AND ${key} < ? ORDER BY ${key} ${order} LIMIT ?`,
    );
  const reader: Reader = { up: select('ASC'), down: select('DESC') };

  return function* rows(value) {
    const bounds = { low: -Number.MAX_SAFE_INTEGER, high: Number.MAX_SAFE_INTEGER };
    function* walk(statement: StatementSync, moving: keyof typeof bounds): Generator<Row, boolean> {
      for (let most = mostAtOnce; ;) {
        const before = bounds[moving];
        const fixed = value === undefined ? [] : [value];
        const found = readOrNothing(() => statement.all(...fixed, bounds.low, bounds.high, most));
        if (!found && most === 1) return false;
        if (!found) most /= fewer;
        for (const row of found ?? []) {
          yield row;
          const at = Number(row[key]);
          // Where rows are not in order, going on from them would lead back to where it came from.
          if (moving === 'low' ? at > bounds.low : at < bounds.high) bounds[moving] = at;
          else onGap();
        }
        if (found && found.length < most) return true;
        const isStuck = found && bounds[moving] === before;
        if (isStuck) return false;
      }
    }
    if (yield* walk(reader.up, 'low')) return;
    onGap();
    yield* walk(reader.down, 'high');
  };
}

function readOrNothing(read: () => Row[]): Row[] | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
