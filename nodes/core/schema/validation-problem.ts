import { fixWithin, mergeFixes, type Fix } from '../rpc/fix.ts';
import { placeName, quoted } from '../rpc/quoted.ts';
import type { Expected } from './expected.ts';

/** What is wrong with one place of a document, in the words of a protocol error's `data`. */
export interface ValidationProblem {
  /** Where, as `data.live_readings[0].value`; empty for the document as a whole. */
  field: string;
  /** What is wrong, to be read after the field: `must be a number`. */
  problem: string;
  /** The values or names that would do, where they can be listed. */
  allowed?: unknown[];
  /** The allowed name that was probably meant. */
  nearest?: string;
  /** The bounds of a number. */
  min?: number;
  max?: number;
  /** What would do, where it cannot be listed. */
  expected?: Expected;
  /** A change that makes this problem go away. */
  fix?: Fix;
}

/**
 * Problems as the details of an error: the first in its members, all as `problems` if there are more, and one change
 * for all of them.
 * @param within where in the params the document is that has the problems
 */
export function problemDetails(
  problems: readonly ValidationProblem[],
  within = '',
): Record<string, unknown> & { field?: string } {
  const all = problems.map(({ fix: _fix, field, ...problem }) => ({
    field: within === '' ? field : field === '' ? within : `${within}.${field}`,
    ...problem,
  }));
  const fix = mergeFixes(problems.map((problem) => fixWithin(within, problem.fix)));
  return { ...all[0], ...(all.length > 1 && { problems: all }), ...(fix && { fix }) };
}

/** `field problem`, as one clause of a sentence; a problem of the whole document names `subject` instead. */
export function describeProblem(problem: ValidationProblem, subject: string): string {
  const hint = problem.nearest === undefined ? '' : `; did you mean ${wordName(problem.nearest)}?`;
  return `${problem.field === '' ? subject : placeName(problem.field)} ${problem.problem}${hint}`;
}

const word = /^[\w.-]{1,64}$/;

function wordName(name: string): string {
  return word.test(name) ? name : quoted(name);
}
