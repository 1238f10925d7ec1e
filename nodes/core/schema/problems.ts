import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { describeProblem, problemDetails, type ValidationProblem } from './validation-problem.ts';

/** -32004 about a document: the first problem in words and as fields, all of them as `problems`. */
export function refusal(subject: string, problems: readonly ValidationProblem[]): RpcError {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  const words = first ? describeProblem(first, subject) : `${subject} is not valid`;
  // Where in the params the document is, is not known here: `field` and the suggestions are about the document.
  const { fix: _fix, problems: all = [first], ...details } = problemDetails(problems);
  return new RpcError(ErrorCode.SchemaValidationFailed, words + more, {
    ...details,
    problems: all,
  });
}

/** Throws `refusal` if there is a problem. */
export function refuseIf(subject: string, problems: readonly ValidationProblem[] = []): void {
  if (problems.length > 0) throw refusal(subject, problems);
}
