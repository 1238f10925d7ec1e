/** An expression of a select list, a grouping or an order. */
export type Expression =
  | { kind: 'column'; name: string }
  | { kind: 'integer'; value: number }
  | { kind: 'interval'; nanoseconds: bigint }
  | { kind: 'timestamp'; text: string }
  | {
      kind: 'call';
      name: string;
      /** `*` is no expression. */
      args: (Expression | '*')[];
      orderBy?: string;
      filter?: Condition;
    };

export type Condition =
  | { kind: 'and' | 'or'; parts: Condition[] }
  | { kind: 'null'; column: string; isNull: boolean }
  | { kind: 'compare'; column: string; operator: string; value: Comparand };

export type Comparand =
  | { kind: 'text'; text: string }
  | { kind: 'parameter'; name: string }
  | { kind: 'number'; value: number };

export interface SelectStatement {
  items: { expression: Expression; name: string }[];
  table: string;
  where?: Condition;
  groupBy: Expression[];
  orderBy: Expression[];
  limit?: number;
}

/** What the server answers instead of rows. */
export class SqlError extends Error {
  override name = 'SqlError';
}

const keywords =
  'select as from where and or is not null group order by limit interval filter timestamp';
const reserved = new Set(keywords.split(' '));
const token =
  /\s*(?:(?<word>[A-Za-z_]\w*)|"(?<name>(?:[^"]|"")*)"|'(?<text>(?:[^']|'')*)'|\$(?<parameter>\w+)|(?<number>\d+)|(?<sign>>=|<=|!=|::|[(),=<>*]))/y;

interface Token {
  kind: 'word' | 'name' | 'text' | 'parameter' | 'number' | 'sign' | 'end';
  text: string;
}

/**
 * Parses the statements a store asks: one SELECT over one table, with the clauses and forms the documentation of
 * InfluxDB 3 has. Whatever else may be valid SQL is refused.
 * @throws SqlError
 */
export function parseSelect(sql: string): SelectStatement {
  const tokens = tokensOf(sql);
  let at = 0;
  const peek = (): Token => tokens[at] ?? { kind: 'end', text: '' };
  const next = (): Token => tokens[at++] ?? { kind: 'end', text: '' };
  const fail = (expected: string): never => {
    throw new SqlError(`SQL error: ParserError("Expected: ${expected}, found: ${peek().text}")`);
  };
  const isWord = (word: string): boolean =>
    peek().kind === 'word' && peek().text.toLowerCase() === word;
  const take = (text: string): boolean => {
    const found = peek().kind === 'sign' ? peek().text === text : isWord(text);
    if (found) at += 1;
    return found;
  };
  const expect = (...texts: string[]): void => {
    for (const text of texts) if (!take(text)) fail(text);
  };
  /** Unquoted names are lower case. */
  const name = (): string => {
    const { kind, text } = next();
    if (kind === 'name') return text.replaceAll('""', '"');
    if (kind !== 'word' || reserved.has(text.toLowerCase())) return fail('identifier');
    return text.toLowerCase();
  };
  const list = <T>(one: () => T): T[] => {
    const all = [one()];
    while (take(',')) all.push(one());
    return all;
  };

  const expression = (): Expression => {
    const { kind, text } = peek();
    if (kind === 'number') {
      at += 1;
      return { kind: 'integer', value: Number(text) };
    }
    if (take('interval')) return { kind: 'interval', nanoseconds: intervalOf(next().text) };
    if (kind === 'text') {
      at += 1;
      expect('::', 'timestamp');
      return { kind: 'timestamp', text };
    }
    const isQuoted = kind === 'name';
    const called = name();
    return !isQuoted && take('(') ? call(called) : { kind: 'column', name: called };
  };
  const call = (called: string): Expression => {
    const args = list(() => (take('*') ? '*' : expression()));
    let orderBy: string | undefined;
    if (take('order')) {
      expect('by');
      orderBy = name();
    }
    expect(')');
    let filter: Condition | undefined;
    if (take('filter')) {
      expect('(', 'where');
      filter = condition();
      expect(')');
    }
    return {
      kind: 'call',
      name: called,
      args,
      ...(orderBy !== undefined && { orderBy }),
      ...(filter && { filter }),
    };
  };
  const condition = (): Condition => {
    const parts = [conjunction()];
    while (take('or')) parts.push(conjunction());
    return parts.length === 1 ? parts[0]! : { kind: 'or', parts };
  };
  const conjunction = (): Condition => {
    const parts = [predicate()];
    while (take('and')) parts.push(predicate());
    return parts.length === 1 ? parts[0]! : { kind: 'and', parts };
  };
  const predicate = (): Condition => {
    if (take('(')) {
      const inner = condition();
      expect(')');
      return inner;
    }
    const column = name();
    if (take('is')) {
      const isNull = !take('not');
      expect('null');
      return { kind: 'null', column, isNull };
    }
    const { kind, text: operator } = next();
    if (kind !== 'sign' || !['=', '<', '>', '<=', '>=', '!='].includes(operator)) fail('operator');
    return { kind: 'compare', column, operator, value: comparand() };
  };
  const comparand = (): Comparand => {
    const { kind, text } = next();
    if (kind === 'text') return { kind: 'text', text: text.replaceAll("''", "'") };
    if (kind === 'parameter') return { kind: 'parameter', name: text };
    return kind === 'number' ? { kind: 'number', value: Number(text) } : fail('value');
  };

  expect('select');
  const items = list(() => {
    const one = expression();
    const alias = take('as') ? name() : undefined;
    return { expression: one, name: alias ?? ('name' in one ? one.name : one.kind) };
  });
  expect('from');
  const statement: SelectStatement = { items, table: name(), groupBy: [], orderBy: [] };
  if (take('where')) statement.where = condition();
  if (take('group')) {
    expect('by');
    statement.groupBy = list(expression);
  }
  if (take('order')) {
    expect('by');
    statement.orderBy = list(expression);
  }
  if (take('limit')) statement.limit = Number(next().text);
  if (peek().kind !== 'end') fail('end of statement');
  return statement;
}

function tokensOf(sql: string): Token[] {
  const tokens: Token[] = [];
  token.lastIndex = 0;
  while (token.lastIndex < sql.trimEnd().length) {
    const at = token.lastIndex;
    const groups = token.exec(sql)?.groups;
    const found = Object.entries<string | undefined>(groups ?? {}).find(
      ([, text]) => text !== undefined,
    );
    if (!found) throw new SqlError(`SQL error: TokenizerError at ${at} of ${sql}`);
    tokens.push({ kind: found[0] as Token['kind'], text: found[1]! });
  }
  return tokens;
}

const units: Record<string, bigint> = {
  nanosecond: 1n,
  microsecond: 1_000n,
  millisecond: 1_000_000n,
  second: 1_000_000_000n,
  minute: 60_000_000_000n,
  hour: 3_600_000_000_000n,
  day: 86_400_000_000_000n,
};

function intervalOf(text: string): bigint {
  const [, amount, unit] = /^(\d+) ([a-z]+?)s?$/.exec(text) ?? [];
  const width = units[unit ?? ''];
  if (amount === undefined || width === undefined)
    throw new SqlError(`Parser error: Invalid interval "${text}"`);
  const total = BigInt(amount) * width;
  if (total <= 0n || BigInt.asIntN(64, total) !== total)
    throw new SqlError(`Arrow error: interval "${text}" is out of range`);
  return total;
}
