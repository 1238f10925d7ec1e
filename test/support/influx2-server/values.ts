/** A value as Flux has it: integers are 64 bits, times and durations nanoseconds. */
export type FluxValue =
  | { type: 'string'; value: string }
  | { type: 'double'; value: number }
  | { type: 'long'; value: bigint }
  | { type: 'boolean'; value: boolean }
  | { type: 'time'; value: bigint }
  | { type: 'duration'; value: bigint };

export type ColumnType = Exclude<FluxValue['type'], 'duration'>;
export type Row = Map<string, FluxValue>;

/** Rows that share the values of their group key; every column has one type. */
export interface FluxTable {
  /** Names of the columns of the group key. */
  key: readonly string[];
  columns: Map<string, ColumnType>;
  rows: Row[];
}

/** What the server answers instead of a result. */
export class FluxError extends Error {
  override name = 'FluxError';
  readonly code: 'invalid' | 'not found';
  constructor(message: string, code: 'invalid' | 'not found' = 'invalid') {
    super(message);
    this.code = code;
  }
}

const rfc3339 = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.(\d{1,9}))?(?:Z|[+-]\d\d:\d\d))?$/;

/** Nanoseconds since the epoch. @throws FluxError unless it is a time of RFC 3339 that 64 bits can hold */
export function parseTime(text: string): bigint {
  const [match, fraction = ''] = rfc3339.exec(text) ?? [];
  const seconds = Date.parse(text.replace(/\.\d+/, '')) / 1000;
  if (match === undefined || Number.isNaN(seconds))
    throw new FluxError(`cannot parse "${text}" as a time`);
  const time = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
  if (BigInt.asIntN(64, time) !== time) throw new FluxError(`time ${text} is out of range`);
  return time;
}

/** RFC 3339 with as many digits of a second as it needs. */
export function formatTime(time: bigint): string {
  const nanoseconds = ((time % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = new Date(Number((time - nanoseconds) / 1_000_000n)).toISOString().slice(0, 19);
  const fraction = nanoseconds.toString().padStart(9, '0').replace(/0+$/, '');
  return `${seconds}${fraction && `.${fraction}`}Z`;
}

const units: Record<string, bigint> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
};

/** Nanoseconds of a duration such as `1h30m`. @throws FluxError for anything else, months and years included */
export function parseDuration(text: string): bigint {
  const parts = [...text.matchAll(/(\d+)(ns|us|ms|s|m|h|d|w)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text)
    throw new FluxError(`invalid duration "${text}"`);
  const total = parts.reduce((sum, [, amount, unit]) => sum + BigInt(amount!) * units[unit!]!, 0n);
  if (BigInt.asIntN(64, total) !== total) throw new FluxError(`duration ${text} is out of range`);
  return total;
}

/** For grouping by value. */
export const identity = (value: FluxValue | undefined): string =>
  value ? `${value.type}:${value.value}` : '';
