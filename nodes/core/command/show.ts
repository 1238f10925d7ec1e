import { masked } from '../security/sensitive.ts';
import { markUntrusted } from '../untrusted.ts';
import type { ExecuteResult } from './types.ts';

/** What the caller of a command is told: the device's words labelled, its secrets masked. */
export function showResult(answer: ExecuteResult, sensitive: ReadonlySet<string>): ExecuteResult {
  const { result, applied_config, reading } = answer;
  if (result === undefined && applied_config === undefined && !reading) return answer;
  const shown: ExecuteResult = {
    ...answer,
    ...(result !== undefined && { result: masked(result, sensitive) }),
    ...(applied_config && { applied_config: masked(applied_config, sensitive) }),
  };
  return markUntrusted(shown, ['result', 'applied_config', 'reading']);
}
