/** One point, as the specification of line protocol reads it. */
export interface ParsedPoint {
  measurement: string;
  tags: Map<string, string>;
  fields: Map<string, ParsedField>;
  /** In whatever precision the request said. */
  timestamp?: bigint;
}

export type ParsedField =
  | { type: 'float'; value: number }
  | { type: 'integer' | 'unsigned'; value: bigint }
  | { type: 'string'; value: string }
  | { type: 'boolean'; value: boolean };

export interface ParsedLines {
  points: ParsedPoint[];
  /** Lines that are wrong, from 1. */
  errors: { line: number; reason: string }[];
}

/**
 * Reads line protocol by its specification, more strictly than the servers do: nothing is empty or there twice, no
 * name starts with an underscore, no control character stands anywhere, and a backslash stands only before what it
 * escapes.
 */
export function parseLines(body: string): ParsedLines {
  const points: ParsedPoint[] = [];
  const errors: ParsedLines['errors'] = [];
  for (const [index, line] of body.split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue;
    try {
      points.push(parseLine(line));
    } catch (error) {
      errors.push({ line: index + 1, reason: (error as Error).message });
    }
  }
  return { points, errors };
}

/** @throws Error that says what is wrong and where */
export function parseLine(line: string): ParsedPoint {
  const scanner = createScanner(line);
  const measurement = scanner.name(', ');
  const tags = new Map<string, string>();
  while (scanner.take(',')) {
    const key = scanner.name('=, ');
    scanner.expect('=');
    put(tags, key, scanner.text('=, '));
  }
  scanner.expect(' ');
  const fields = new Map<string, ParsedField>();
  do {
    const key = scanner.name('=, ');
    scanner.expect('=');
    if (tags.has(key)) throw new Error(`${key} is a tag and a field`);
    put(fields, key, scanner.field());
  } while (scanner.take(','));
  const timestamp = scanner.take(' ') ? parseTimestamp(scanner.rest()) : undefined;
  scanner.end();
  return { measurement, tags, fields, ...(timestamp !== undefined && { timestamp }) };
}

interface Scanner {
  take(character: string): boolean;
  expect(character: string): void;
  /** Text up to one of the characters, each of which a backslash before it makes part of the text. */
  text(special: string): string;
  /** Text that is no reserved name. */
  name(special: string): string;
  field(): ParsedField;
  rest(): string;
  end(): void;
}

function createScanner(line: string): Scanner {
  const control = line.search(/\p{Cc}|\p{Cs}/u);
  if (control >= 0) throw new Error(`character ${control} is a control or half a character`);
  let at = 0;
  const fail = (what: string): never => {
    throw new Error(`${what} at ${at} of ${line}`);
  };
  const take = (character: string): boolean => {
    if (line[at] !== character) return false;
    at += 1;
    return true;
  };
  const escaped = (special: string): string => {
    const next = line[at + 1];
    if (next === undefined || !special.includes(next)) fail('a backslash that escapes nothing');
    at += 2;
    return next as string;
  };
  const text = (special: string): string => {
    let result = '';
    while (at < line.length && !special.includes(line[at] as string))
      result += line[at] === '\\' ? escaped(special) : (line[at++] as string);
    return result === '' ? fail('nothing where a name or value is') : result;
  };
  const string = (): string => {
    let result = '';
    while (line[at] !== '"') {
      if (at >= line.length) fail('a string without end');
      result += line[at] === '\\' ? escaped('"\\') : (line[at++] as string);
    }
    at += 1;
    return result;
  };

  return {
    take,
    text,
    expect(character) {
      if (!take(character)) fail(`no "${character}"`);
    },
    name(special) {
      const name = text(special);
      return name.startsWith('_') || name === 'time' ? fail(`the reserved name ${name}`) : name;
    },
    field() {
      if (take('"')) return { type: 'string', value: string() };
      const start = at;
      while (at < line.length && !', '.includes(line[at] as string)) at += 1;
      return parseValue(line.slice(start, at)) ?? fail('no value of a field');
    },
    rest() {
      const rest = line.slice(at);
      at = line.length;
      return rest;
    },
    end() {
      if (at < line.length) fail('more than a point');
    },
  };
}

const number = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

function parseValue(text: string): ParsedField | undefined {
  if (/^(t|T|true|True|TRUE)$/.test(text)) return { type: 'boolean', value: true };
  if (/^(f|F|false|False|FALSE)$/.test(text)) return { type: 'boolean', value: false };
  if (/^[+-]?\d+i$/.test(text)) {
    const value = BigInt(text.slice(0, -1));
    return BigInt.asIntN(64, value) === value ? { type: 'integer', value } : undefined;
  }
  if (/^\d+u$/.test(text)) {
    const value = BigInt(text.slice(0, -1));
    return BigInt.asUintN(64, value) === value ? { type: 'unsigned', value } : undefined;
  }
  if (!number.test(text) || !Number.isFinite(Number(text))) return undefined;
  return { type: 'float', value: Number(text) };
}

function parseTimestamp(text: string): bigint {
  if (!/^-?\d{1,19}$/.test(text)) throw new Error(`${text} is no timestamp`);
  const value = BigInt(text);
  if (BigInt.asIntN(64, value) !== value) throw new Error(`${text} is not of 64 bits`);
  return value;
}

function put<T>(map: Map<string, T>, key: string, value: T): void {
  if (map.has(key)) throw new Error(`${key} is there twice`);
  map.set(key, value);
}
