import { aggregateOf } from './aggregates.ts';
import type { Bucket } from './bucket.ts';
import {
  booleanValue,
  createEvaluator,
  isTrue,
  type Arguments,
  type Scope,
  type Stream,
  type Value,
} from './flux-evaluator.ts';
import { parseFlux } from './flux-syntax.ts';
import {
  aggregateTables,
  aggregateWindow,
  groupRows,
  keep,
  selectRows,
  sort,
} from './transformations.ts';
import {
  FluxError,
  parseDuration,
  parseTime,
  type FluxTable,
  type FluxValue,
  type Row,
} from './values.ts';

export interface FluxResult {
  name: string;
  tables: FluxTable[];
}

const builtins =
  'from range filter limit sort keep aggregateWindow mean sum min max count first last median stddev yield duration time';
const standardLibrary: Scope = new Map(
  builtins.split(' ').map((name) => [name, { kind: 'builtin', name }]),
);

/**
 * Runs a Flux text: pipelines of `from`, `range`, `filter`, `keep`, `sort`, `limit`, `aggregateWindow`, the usual
 * aggregates and `yield`, with the semantics InfluxDB 2 documents. Whatever else is valid Flux is refused.
 * @throws FluxError as the server would answer
 */
export function runFlux(
  script: string,
  bucketOf: (name: string) => Bucket | undefined,
): FluxResult[] {
  const results: FluxResult[] = [];
  const put = (name: string, { tables, source }: Stream): void => {
    if (source)
      throw new FluxError(
        `error in building plan while starting program: cannot submit unbounded read to "${source.name}"; ` +
          "try bounding 'from' with a call to 'range'",
      );
    if (results.some((result) => result.name === name))
      throw new FluxError(`tried to produce more than one result with the name "${name}"`);
    results.push({ name, tables });
  };
  const from = (name: string): Stream => {
    const source = bucketOf(name);
    if (source) return { kind: 'stream', source, tables: [] };
    throw new FluxError(
      `failed to initialize execute state: could not find bucket "${name}"`,
      'not found',
    );
  };

  const { evaluate, apply } = createEvaluator((name, args, piped) => {
    switch (name) {
      case 'time':
        return { type: 'time', value: parseTime(text(args, 'v')) };
      case 'duration':
        return { type: 'duration', value: parseDuration(text(args, 'v')) };
      case 'from':
        return from(text(args, 'bucket'));
      case 'range':
        return read((piped as Stream).source, scalar(args, 'start'), scalar(args, 'stop'));
      case 'yield':
        put(args.has('name') ? text(args, 'name') : '_result', piped as Stream);
        return piped;
      default:
        return { ...(piped as Stream), tables: transform(name, args, (piped as Stream).tables) };
    }
  });
  const transform = (name: string, args: Arguments, tables: FluxTable[]): FluxTable[] => {
    switch (name) {
      case 'filter':
        return selectRows(tables, (rows) =>
          rows.filter((r) => isTrue(apply(args.get('fn'), new Map([['r', r]]), undefined))),
        ).filter(({ rows }) => rows.length > 0);
      case 'limit':
        return selectRows(tables, (rows) => rows.slice(0, Number(scalar(args, 'n'))));
      case 'sort':
        return sort(tables, texts(args, 'columns'));
      case 'keep':
        return keep(tables, texts(args, 'columns'));
      case 'aggregateWindow':
        return aggregateWindow(tables, windowOptions(args));
      default: {
        const options = new Map([...args].map(([key, one]) => [key, (one as FluxValue).value]));
        const column = args.has('column') ? text(args, 'column') : '_value';
        return aggregateTables(tables, aggregateOf(name, options), column);
      }
    }
  };
  const windowOptions = (args: Arguments) => {
    if (isTrue(args.get('createEmpty') ?? booleanValue(true)))
      throw new FluxError('this server makes no empty windows');
    const column: Arguments = new Map([['column', { type: 'string', value: '_value' }]]);
    return {
      every: scalar(args, 'every'),
      offset: args.has('offset') ? scalar(args, 'offset') : 0n,
      timeSource: args.has('timeSrc') ? text(args, 'timeSrc') : '_stop',
      fn: (tables: FluxTable[]) =>
        (apply(args.get('fn'), column, { kind: 'stream', tables }) as Stream).tables,
    };
  };

  let scope = standardLibrary;
  for (const statement of parseFlux(script)) {
    if (statement.type === 'VariableAssignment') {
      scope = new Map(scope).set(statement.id.name, evaluate(statement.init, scope));
      continue;
    }
    const before = results.length;
    const value = evaluate(statement.expression, scope);
    if (results.length === before) put('_result', value as Stream);
  }
  return results;
}

/** One table per series and field, with `_start` and `_stop` in its group key. */
function read(bucket: Bucket | undefined, start: bigint, stop: bigint): Stream {
  if (!bucket) throw new FluxError('this server bounds what comes from a bucket only');
  if (start >= stop) throw new FluxError('cannot query an empty range');
  const tables: FluxTable[] = [];
  for (const { measurement, tags, field, values } of bucket.series()) {
    const key: Row = new Map<string, FluxValue>([
      ['_start', { type: 'time', value: start }],
      ['_stop', { type: 'time', value: stop }],
      ['_field', { type: 'string', value: field }],
      ['_measurement', { type: 'string', value: measurement }],
    ]);
    for (const [tag, value] of tags) key.set(tag, { type: 'string', value });
    const rows = [...values]
      .filter(([time]) => time >= start && time < stop)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([value, one]) => new Map(key).set('_time', { type: 'time', value }).set('_value', one));
    tables.push(...groupRows(rows, () => [...key.keys()]));
  }
  return { kind: 'stream', tables };
}

function text(args: Arguments, name: string): string {
  const value = args.get(name) as FluxValue | undefined;
  if (value?.type !== 'string') throw new FluxError(`${name} must be a string`);
  return value.value;
}

const texts = (args: Arguments, name: string): string[] =>
  (args.get(name) as Value[] as FluxValue[]).map(({ value }) => String(value));

function scalar(args: Arguments, name: string): bigint {
  const value = args.get(name) as FluxValue | undefined;
  if (typeof value?.value !== 'bigint') throw new FluxError(`${name} is missing`);
  return value.value;
}
