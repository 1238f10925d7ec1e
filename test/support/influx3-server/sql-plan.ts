import {
  SqlError,
  type Comparand,
  type Condition,
  type Expression,
  type SelectStatement,
} from './sql-syntax.ts';

export type ColumnType = 'timestamp' | 'tag' | 'float64' | 'utf8' | 'bool';
/** Types of columns by name, `time` among them. */
export type TableSchema = ReadonlyMap<string, ColumnType>;
export type ResultType = 'timestamp' | 'int64' | 'float64' | 'utf8' | 'bool';
export type Parameters = Readonly<Record<string, unknown>>;

/** A statement for SQLite, and what its rows mean. */
export interface Plan {
  sql: string;
  bound: (string | number | bigint)[];
  columns: { name: string; type: ResultType; field: ColumnType | undefined }[];
  /** Times in nanoseconds the rows can have: from, and before. */
  range: { start: bigint; end: bigint };
}

interface Aggregate {
  /** Types it takes; the result is the first argument's type unless said otherwise. */
  takes: readonly ResultType[];
  gives?: ResultType;
  sqlite: string;
  /** Whether it needs ORDER BY, as the order of rows is nobody's promise. */
  ordered?: boolean;
}

const anything: readonly ResultType[] = ['timestamp', 'int64', 'float64', 'utf8', 'bool'];
const aggregates: Record<string, Aggregate> = {
  avg: { takes: ['float64'], sqlite: 'avg' },
  sum: { takes: ['float64'], sqlite: 'sum' },
  min: { takes: ['float64', 'timestamp'], sqlite: 'min' },
  max: { takes: ['float64', 'timestamp'], sqlite: 'max' },
  count: { takes: anything, gives: 'int64', sqlite: 'count' },
  median: { takes: ['float64'], sqlite: 'median' },
  stddev: { takes: ['float64'], sqlite: 'sample_deviation' },
  first_value: { takes: anything, sqlite: 'first_by', ordered: true },
  last_value: { takes: anything, sqlite: 'last_by', ordered: true },
};
const minimum = -9_223_372_036_854_775_808n;
const maximum = 9_223_372_036_854_775_807n;

/**
 * Checks a statement as DataFusion does (names, types, what may be grouped, parameters in WHERE only), and translates
 * it to SQLite.
 * @throws SqlError as the server would answer
 */
export function planSelect(
  statement: SelectStatement,
  schema: TableSchema,
  sqliteTable: string,
  parameters: Parameters,
): Plan {
  const bound: Plan['bound'] = [];
  const bind = (value: string | number | bigint): string => {
    bound.push(value);
    return '?';
  };
  const typeOf = (column: string): ColumnType => {
    const type = schema.get(column);
    if (type) return type;
    const known = [...schema.keys()].sort().join(', ');
    throw new SqlError(`Schema error: No field named ${column}. Valid fields are ${known}.`);
  };
  const quoted = (column: string): string => {
    typeOf(column);
    return `"${column.replaceAll('"', '""')}"`;
  };

  const scalar = (expression: Expression | '*'): { sql: string; type: ResultType } => {
    if (expression === '*') throw new SqlError('Error during planning: * is for count only');
    switch (expression.kind) {
      case 'column':
        return { sql: quoted(expression.name), type: resultType(typeOf(expression.name)) };
      case 'integer':
        return { sql: String(expression.value), type: 'int64' };
      case 'call':
        return expression.name === 'date_bin' ? dateBin(expression.args) : aggregate(expression);
      default:
        throw new SqlError(`Error during planning: ${expression.kind} stands alone`);
    }
  };
  const dateBin = (args: (Expression | '*')[]): { sql: string; type: ResultType } => {
    const [width, time, origin] = args;
    if (width === undefined || width === '*' || width.kind !== 'interval' || !time)
      throw new SqlError('Error during planning: date_bin takes an interval and a timestamp');
    const { sql, type } = scalar(time);
    if (type !== 'timestamp') throw new SqlError(`Error during planning: date_bin of ${type}`);
    if (origin !== undefined && (origin === '*' || origin.kind !== 'timestamp'))
      throw new SqlError('Error during planning: the origin of date_bin is a timestamp');
    const start = origin ? parseTimestamp(origin.text) : 0n;
    return { sql: `date_bin(${width.nanoseconds}, ${sql}, ${start})`, type: 'timestamp' };
  };
  const aggregate = ({ name, args, orderBy, filter }: Extract<Expression, { kind: 'call' }>) => {
    const known = aggregates[name];
    const [arg, ...more] = args;
    if (!known || arg === undefined || more.length > 0)
      throw new SqlError(`Error during planning: Invalid function '${name}'`);
    if (known.ordered !== (orderBy !== undefined || undefined))
      throw new SqlError(`this server orders ${name} by a column, and nothing else`);
    const order = orderBy === undefined ? '' : `, ${quoted(orderBy)}`;
    const where = filter ? ` FILTER (WHERE ${condition(filter)})` : '';
    if (arg === '*' && name === 'count') return { sql: `count(*)${where}`, type: 'int64' as const };
    const { sql, type } = scalar(arg);
    if (!known.takes.includes(type))
      throw new SqlError(`Error during planning: ${name} does not support inputs of type ${type}`);
    return { sql: `${known.sqlite}(${sql}${order})${where}`, type: known.gives ?? type };
  };

  const condition = (one: Condition): string => {
    if ('parts' in one) return `(${one.parts.map(condition).join(` ${one.kind.toUpperCase()} `)})`;
    if (one.kind === 'null') return `${quoted(one.column)} IS ${one.isNull ? '' : 'NOT '}NULL`;
    const type = typeOf(one.column);
    const value = valueOf(one.value, parameters);
    const isText = typeof value === 'string';
    if (type === 'timestamp' && !isText)
      throw new SqlError(
        'type_coercion\ncaused by\nError during planning: Cannot infer common argument type for comparison ' +
          `operation Timestamp(ns) ${one.operator} Int64`,
      );
    if ((type === 'tag' || type === 'utf8') !== isText && type !== 'timestamp')
      throw new SqlError(`this server compares ${type} with its like`);
    return `${quoted(one.column)} ${one.operator} ${bind(type === 'timestamp' ? parseTimestamp(String(value)) : value)}`;
  };
  /** An alias, a position, or an expression of the select list. */
  const reference = (expression: Expression): string => {
    const { items } = statement;
    if (expression.kind === 'integer' && !items[expression.value - 1])
      throw new SqlError(
        `Error during planning: Cannot find column with position ${expression.value} in SELECT clause`,
      );
    if (expression.kind === 'integer') return String(expression.value);
    const alias =
      expression.kind === 'column' ? items.findIndex(({ name }) => name === expression.name) : -1;
    return alias >= 0 ? String(alias + 1) : scalar(expression).sql;
  };

  // In the order of the text, for SQLite binds by position.
  const items = statement.items.map(({ expression, name }) => ({
    name,
    ...scalar(expression),
    field: expression.kind === 'column' ? typeOf(expression.name) : undefined,
  }));
  assertGrouped(statement);
  const parts = [
    `SELECT ${items.map(({ sql }) => sql).join(', ')} FROM "${sqliteTable}"`,
    statement.where && `WHERE ${condition(statement.where)}`,
    statement.groupBy.length > 0 && `GROUP BY ${statement.groupBy.map(reference).join(', ')}`,
    // Nobody promises an order that is not asked for.
    `ORDER BY ${statement.orderBy.length > 0 ? statement.orderBy.map(reference).join(', ') : 'random()'}`,
    statement.limit !== undefined && `LIMIT ${statement.limit}`,
  ];
  return {
    sql: parts.filter(Boolean).join(' '),
    bound,
    columns: items.map(({ name, type, field }) => ({ name, type, field })),
    range: statement.where
      ? rangeOf(statement.where, parameters)
      : { start: minimum, end: maximum },
  };
}

const resultType = (type: ColumnType): ResultType => (type === 'tag' ? 'utf8' : type);

function assertGrouped({ items, groupBy, orderBy }: SelectStatement): void {
  const isAggregate = ({ kind, ...call }: Expression): boolean =>
    kind === 'call' && 'name' in call && Object.hasOwn(aggregates, call.name);
  if (!items.some(({ expression }) => isAggregate(expression)) && groupBy.length === 0) return;
  for (const [i, { expression, name }] of items.entries()) {
    const isGrouped = groupBy.some(
      (one) =>
        (one.kind === 'integer' && one.value === i + 1) ||
        (one.kind === 'column' && one.name === name) ||
        JSON.stringify(one, bigints) === JSON.stringify(expression, bigints),
    );
    if (!isGrouped && !isAggregate(expression))
      throw new SqlError(
        `Error during planning: Column in SELECT must be in GROUP BY or an aggregate function: ${name}`,
      );
  }
  if (groupBy.length === 0 && orderBy.length > 0)
    throw new SqlError('Error during planning: Column in ORDER BY must be in GROUP BY');
}

const bigints = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value;

function valueOf(value: Comparand, parameters: Parameters): string | number {
  if (value.kind === 'text') return value.text;
  if (value.kind === 'number') return value.value;
  const given = Object.hasOwn(parameters, value.name) ? parameters[value.name] : undefined;
  if (typeof given === 'string' || typeof given === 'number') return given;
  throw new SqlError(
    `Error during planning: No value found for placeholder with name $${value.name}`,
  );
}

/** The times all rows lie between, as far as conditions joined by AND say. */
function rangeOf(condition: Condition, parameters: Parameters): Plan['range'] {
  const range = { start: minimum, end: maximum };
  if (condition.kind === 'and')
    for (const part of condition.parts) {
      const { start, end } = rangeOf(part, parameters);
      if (start > range.start) range.start = start;
      if (end < range.end) range.end = end;
    }
  if (condition.kind === 'compare' && condition.column === 'time') {
    const time = parseTimestamp(String(valueOf(condition.value, parameters)));
    if (condition.operator === '>=') range.start = time;
    if (condition.operator === '<') range.end = time;
  }
  return range;
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d{1,9}))?Z$/;

/** Nanoseconds since the epoch. */
function parseTimestamp(text: string): bigint {
  const [match, fraction = ''] = rfc3339.exec(text) ?? [];
  const seconds = Date.parse(text.replace(/\.\d+/, '')) / 1_000;
  if (match === undefined || Number.isNaN(seconds))
    throw new SqlError(`Parser error: Error parsing timestamp from '${text}'`);
  const time = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
  if (BigInt.asIntN(64, time) !== time)
    throw new SqlError(`Parser error: The dates that can be represented as nanoseconds: '${text}'`);
  return time;
}
