import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import type { ParsedField, ParsedPoint } from '../line-protocol-parser.ts';
import { planSelect, type ColumnType, type Parameters, type Plan } from './sql-plan.ts';
import { parseSelect, SqlError } from './sql-syntax.ts';

type Cell = string | number | bigint | null;

export interface QueryResult {
  columns: Plan['columns'];
  rows: Cell[][];
}

/** The databases of a server, each with its tables. */
export interface Catalog {
  databases(): string[];
  /** False if there is one of that name already. */
  makeDatabase(name: string): boolean;
  hasTable(database: string, table: string): boolean;
  makeTable(database: string, table: string, columns: ReadonlyMap<string, ColumnType>): void;
  /** Stores points, and adds what columns they bring; why a point cannot be stored, by its position. */
  write(
    database: string,
    points: readonly ParsedPoint[],
    nanosecondsPerUnit: bigint,
  ): Map<number, string>;
  /** @throws SqlError */
  query(database: string, sql: string, parameters: Parameters): QueryResult;
  close(): void;
}

const fieldTypes: Record<ParsedField['type'], ColumnType | undefined> = {
  float: 'float64',
  string: 'utf8',
  boolean: 'bool',
  integer: undefined,
  unsigned: undefined,
};
const sqliteTypes: Record<ColumnType, string> = {
  timestamp: 'INTEGER',
  tag: 'TEXT',
  float64: 'REAL',
  utf8: 'TEXT',
  bool: 'INTEGER',
};
/** The server writes a file for each of these stretches of time a table has points in. */
const chunk = 600_000_000_000n;

/** @param fileLimit most files a query may need, as `--query-file-limit` has it */
export function createCatalog(fileLimit: () => number): Catalog {
  const sqlite = new DatabaseSync(':memory:');
  addFunctions(sqlite);
  const databases = new Map<string, Map<string, Map<string, ColumnType>>>();
  const sqliteName = (database: string, table: string): string =>
    `${database}/${table}`.replaceAll('"', '""');

  const tablesOf = (database: string) => {
    const tables = databases.get(database) ?? new Map<string, Map<string, ColumnType>>();
    databases.set(database, tables);
    return tables;
  };
  const addColumn = (database: string, table: string, name: string, type: ColumnType): void => {
    const schema = tablesOf(database).get(table)!;
    sqlite.exec(
      `ALTER TABLE "${sqliteName(database, table)}" ADD COLUMN "${name}" ${sqliteTypes[type]}`,
    );
    schema.set(name, type);
    if (type === 'tag') indexTags(database, table);
  };
  /** A point is what has one time and one set of tags. */
  const keyOf = (schema: ReadonlyMap<string, ColumnType>): string =>
    [
      'time',
      ...[...schema].flatMap(([name, type]) => (type === 'tag' ? `ifnull("${name}", '')` : [])),
    ].join(', ');
  const indexTags = (database: string, table: string): void => {
    const name = sqliteName(database, table);
    const schema = tablesOf(database).get(table)!;
    sqlite.exec(`DROP INDEX IF EXISTS "${name} key"`);
    sqlite.exec(`CREATE UNIQUE INDEX "${name} key" ON "${name}" (${keyOf(schema)})`);
  };
  const makeTable: Catalog['makeTable'] = (database, table, columns) => {
    const schema = new Map<string, ColumnType>([['time', 'timestamp']]);
    tablesOf(database).set(table, schema);
    sqlite.exec(`CREATE TABLE "${sqliteName(database, table)}" (time INTEGER NOT NULL)`);
    indexTags(database, table);
    for (const [name, type] of columns) addColumn(database, table, name, type);
  };

  const refusalOf = (schema: ReadonlyMap<string, ColumnType>, point: ParsedPoint) => {
    const given = new Map<string, ColumnType | undefined>(
      [...point.tags.keys()].map((name) => [name, 'tag']),
    );
    for (const [name, { type }] of point.fields) given.set(name, fieldTypes[type]);
    for (const [name, type] of given) {
      const known = schema.get(name);
      if (type === undefined) return `this server keeps no column of the type of '${name}'`;
      if (known !== undefined && known !== type)
        return `invalid column type for column '${name}', expected iox::column_type::${known}, got iox::column_type::${type}`;
    }
    return undefined;
  };
  const store = (database: string, point: ParsedPoint, time: bigint): void => {
    const { measurement: table, tags, fields } = point;
    const schema = tablesOf(database).get(table)!;
    for (const name of tags.keys()) if (!schema.has(name)) addColumn(database, table, name, 'tag');
    for (const [name, { type }] of fields)
      if (!schema.has(name)) addColumn(database, table, name, fieldTypes[type]!);
    const values = new Map<string, SQLInputValue>([['time', time], ...tags]);
    for (const [name, { value }] of fields)
      values.set(name, typeof value === 'boolean' ? Number(value) : value);
    const names = [...values.keys()].map((name) => `"${name}"`);
    const updates = [...fields.keys()].map((name) => `"${name}" = excluded."${name}"`);
    sqlite
      .prepare(
        `INSERT INTO "${sqliteName(database, table)}" (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})
         ON CONFLICT (${keyOf(schema)}) DO UPDATE SET ${updates.join(', ')}`,
      )
      .run(...values.values());
  };
  const assertFewFiles = (name: string, { start, end }: Plan['range']): void => {
    const statement = sqlite.prepare(
      `SELECT count(DISTINCT time / ${chunk}) AS files FROM "${name}" WHERE time >= ? AND time < ?`,
    );
    if (Number(statement.get(start, end)?.['files']) > fileLimit())
      throw new SqlError(
        `External error: Query would exceed file limit of ${fileLimit()} parquet files. Please specify a smaller time ` +
          'range for your query. You can increase the file limit with the `--query-file-limit` option',
      );
  };

  return {
    databases: () => [...databases.keys()],
    makeDatabase(name) {
      if (databases.has(name)) return false;
      tablesOf(name);
      return true;
    },
    hasTable: (database, table) => databases.get(database)?.has(table) === true,
    makeTable,
    write(database, points, nanosecondsPerUnit) {
      const refused = new Map<number, string>();
      const seen = new Set<string>();
      for (const [index, point] of points.entries()) {
        const { measurement } = point;
        if (!tablesOf(database).has(measurement)) makeTable(database, measurement, new Map());
        const refusal = refusalOf(tablesOf(database).get(measurement)!, point);
        const { tags, timestamp } = point;
        const key = JSON.stringify([measurement, [...tags].sort(), String(timestamp)]);
        if (refusal !== undefined) refused.set(index, refusal);
        // Which of two rows with one key in one request is kept, nobody promises.
        else if (seen.size < seen.add(key).size)
          store(database, point, timestamp! * nanosecondsPerUnit);
      }
      return refused;
    },
    query(database, sql, parameters) {
      const statement = parseSelect(sql);
      const schema = databases.get(database)?.get(statement.table);
      if (!schema)
        throw new SqlError(
          `Error during planning: table 'public.iox.${statement.table}' not found`,
        );
      const name = sqliteName(database, statement.table);
      const plan = planSelect(statement, schema, name, parameters);
      assertFewFiles(name, plan.range);
      const query = sqlite.prepare(plan.sql);
      query.setReadBigInts(true);
      query.setReturnArrays(true);
      return { columns: plan.columns, rows: query.all(...plan.bound) as unknown as Cell[][] };
    },
    close: () => sqlite.close(),
  };
}

/** What DataFusion has and SQLite has not. */
function addFunctions(sqlite: DatabaseSync): void {
  const bigints = { useBigIntArguments: true, deterministic: true };
  sqlite.function('date_bin', bigints, (width, time, origin) => {
    const [step, past] = [width as bigint, (time as bigint) - (origin as bigint)];
    return (time as bigint) - (((past % step) + step) % step);
  });
  const byTime = (isBetter: (time: bigint, than: bigint) => boolean) => ({
    start: () => ({ value: null as SQLInputValue, time: undefined as bigint | undefined }),
    useBigIntArguments: true,
    step(
      found: { value: SQLInputValue; time: bigint | undefined },
      value: SQLInputValue,
      time: SQLInputValue,
    ) {
      const at = time as bigint;
      return found.time === undefined || isBetter(at, found.time) ? { value, time: at } : found;
    },
    result: ({ value }: { value: SQLInputValue }) => value,
  });
  sqlite.aggregate('first_by', byTime((time, than) => time < than) as never);
  sqlite.aggregate('last_by', byTime((time, than) => time > than) as never);
  sqlite.aggregate('sample_deviation', {
    start: () => [] as number[],
    step: (values: number[], value: SQLInputValue) =>
      value === null ? values : [...values, Number(value)],
    result(values: number[]) {
      if (values.length < 2) return null;
      const mean = values.reduce((sum, one) => sum + one, 0) / values.length;
      const squares = values.reduce((sum, one) => sum + (one - mean) ** 2, 0);
      return Math.sqrt(squares / (values.length - 1));
    },
  } as never);
}
