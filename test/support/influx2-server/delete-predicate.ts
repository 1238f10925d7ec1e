/**
 * The tags and the measurement a delete predicate asks for: `key="value"` joined by AND is all the documentation
 * allows. Keys may stand in quotes; in quotes, a backslash escapes a quote, a backslash or an n, as InfluxQL has it.
 * @throws Error that says what is wrong
 */
export function parsePredicate(predicate: string): Map<string, string> {
  const tokens = tokensOf(predicate);
  const tags = new Map<string, string>();
  for (;;) {
    const [key, equals, value] = tokens.splice(0, 3);
    if (key?.kind !== 'name' && key?.kind !== 'quoted') throw new Error('bad tag key');
    if (equals?.kind !== 'equals') throw new Error('invalid operator');
    if (value?.kind !== 'name' && value?.kind !== 'quoted') throw new Error('bad tag value');
    if (tags.has(key.text)) throw new Error(`${key.text} is there twice`);
    if (['_time', '_field', '_value'].includes(key.text))
      throw new Error(`unsupported ${key.text}`);
    tags.set(key.text, value.text);
    const [and] = tokens.splice(0, 1);
    if (!and) return tags;
    if (and.kind !== 'name' || and.text.toUpperCase() !== 'AND')
      throw new Error('bad logical expression');
  }
}

interface Token {
  kind: 'name' | 'quoted' | 'equals';
  text: string;
}

const token = /\s*(?:([A-Za-z_]\w*)|"((?:[^"\\\n\0]|\\["\\n])*)"|(=))/y;

function tokensOf(predicate: string): Token[] {
  const tokens: Token[] = [];
  token.lastIndex = 0;
  while (token.lastIndex < predicate.trimEnd().length) {
    const at = token.lastIndex;
    const [match, name, quoted] = token.exec(predicate) ?? [];
    if (match === undefined) throw new Error(`bad logical expression, at position ${at}`);
    if (name !== undefined) tokens.push({ kind: 'name', text: name });
    else if (quoted === undefined) tokens.push({ kind: 'equals', text: '=' });
    else tokens.push({ kind: 'quoted', text: unescape(quoted) });
  }
  return tokens;
}

const unescape = (text: string): string =>
  text.replace(/\\(.)/g, (_all, escaped: string) => (escaped === 'n' ? '\n' : escaped));
