/** Longest pattern a schema may carry. */
const maxPatternLength = 512;
/** Unbounded repetitions one after the other cost a power of the text's length each. */
const maxRepetitions = 8;

interface Group {
  /** Holds a repetition without end, or a choice, so that repeating the group may backtrack without end. */
  ambiguous: boolean;
  /** Holds a group that is repeated; counts of counts multiply. */
  repeatsGroup: boolean;
  /** First thing inside, when that is one fixed character: a separator. */
  separator: string | undefined;
  /** Whether anything after the separator may match the separator too. */
  separatorReused: boolean;
  empty: boolean;
}

const quantifier = /[*+?]\??|\{\d*,?\d*\}\??/y;

const opening = /\((?:\?(?:<?[=!]|:|<[^>]*>))?/y;
const characterClass = /\[(?:\\.|[^\]\\])*\]/y;
const escaped = /\\(?:[pP]\{[^}]*\}|u\{[^}]*\}|u.{4}|x..|.)/y;

/**
 * Why a regular expression must not be run on text from outside, or undefined if it may: repetitions
 * inside repetitions (`(a+)+`) take a time exponential in the text. A group that begins with a
 * separator nothing else in it matches (`(-[a-z]+)*`) is fine, and so is every plain sequence.
 * Errs on the side of refusing.
 */
export function unsafePattern(pattern: string): string | undefined {
  if (pattern.length > maxPatternLength) return `is longer than ${maxPatternLength} characters`;
  const open: Group[] = [newGroup()];
  let repetitions = 0;
  let at = 0;
  while (at < pattern.length) {
    const group = open.at(-1);
    if (!group) return 'closes a group that was never opened';
    const char = pattern.charAt(at);
    if (char === '(') {
      open.push(newGroup());
      at += tokenAt(opening, pattern, at).length;
      continue;
    }
    const closed = char === ')' ? open.pop() : undefined;
    const atom = atomAt(pattern, at);
    if (/^\\[1-9k]/.test(atom)) return 'refers back to an earlier group';
    at += atom.length;
    const repeat = tokenAt(quantifier, pattern, at);
    at += repeat.length;
    if (isEndless(repeat)) repetitions += 1;
    if (!closed) note(group, atom, repeat);
    else {
      const problem = repeatedGroupProblem(closed, repeat);
      if (problem) return problem;
      noteGroup(open.at(-1), closed, repeat);
    }
  }
  return repetitions > maxRepetitions
    ? `has more than ${maxRepetitions} endless repetitions`
    : undefined;
}

function tokenAt(token: RegExp, pattern: string, at: number): string {
  token.lastIndex = at;
  return token.exec(pattern)?.[0] ?? '';
}

function atomAt(pattern: string, at: number): string {
  const char = pattern.charAt(at);
  if (char === '[') return tokenAt(characterClass, pattern, at) || char;
  if (char === '\\') return tokenAt(escaped, pattern, at) || char;
  return char;
}

function isCounted(repeat: string): boolean {
  return repeat !== '' && !repeat.startsWith('?');
}

function repeatedGroupProblem(group: Group, repeat: string): string | undefined {
  if (isCounted(repeat) && group.repeatsGroup) return 'repeats a group that repeats a group';
  const separated = group.separator !== undefined && !group.separatorReused;
  if (isEndless(repeat) && group.ambiguous && !separated) {
    return 'repeats a group that itself repeats or chooses';
  }
  return undefined;
}

function noteGroup(outer: Group | undefined, group: Group, repeat: string): void {
  if (!outer) return;
  outer.ambiguous ||= group.ambiguous || repeat !== '';
  outer.repeatsGroup ||= group.repeatsGroup || isCounted(repeat);
  outer.separatorReused = true;
  outer.empty = false;
}

function newGroup(): Group {
  return {
    ambiguous: false,
    repeatsGroup: false,
    separator: undefined,
    separatorReused: false,
    empty: true,
  };
}

/** `{3,}` and big counts are as good as `*`. */
function isEndless(repeat: string): boolean {
  if (repeat.startsWith('*') || repeat.startsWith('+')) return true;
  const bounds = /^\{\d*(,?)(\d*)\}/.exec(repeat);
  if (!bounds) return false;
  return (bounds[1] === ',' && bounds[2] === '') || Number(/\d+(?=\})/.exec(repeat)?.[0]) > 100;
}

function note(group: Group, atom: string, repeat: string): void {
  if (group.empty && repeat === '' && /^(?:[^.^$|\\[]|\\[^A-Za-z0-9])$/.test(atom)) {
    group.separator = atom.startsWith('\\') ? atom.slice(1) : atom;
  } else if (group.separator !== undefined && atomMatches(atom, group.separator)) {
    group.separatorReused = true;
  }
  // With a choice the separator begins only one of the branches.
  if (atom === '|') group.separatorReused = true;
  group.ambiguous ||= atom === '|' || (repeat !== '' && !/^\{\d+\}\??$/.test(repeat));
  group.empty = false;
}

function atomMatches(atom: string, char: string): boolean {
  try {
    return new RegExp(`^(?:${atom})$`, 'u').test(char);
  } catch {
    return true;
  }
}
