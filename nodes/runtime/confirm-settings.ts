import { defaultConfirmSettings, type ConfirmSettings } from '../core/command/approval-types.ts';

/** Fields of the hub's form; flows from before there were approvals have none. */
export interface ConfirmFields {
  confirm?: string;
  confirmBy?: string;
  /** Minutes. */
  confirmMinutes?: string | number;
}

/** Reads what needs somebody's word and whose counts; the environment wins over the form. @throws Error that names what cannot be read */
export function confirmSettingsFrom(
  fields: ConfirmFields,
  env: Readonly<Record<string, string | undefined>>,
): ConfirmSettings {
  const standard = defaultConfirmSettings;
  const minutes = env['LLM_IOT_CONFIRM_MINUTES'] || (fields.confirmMinutes ?? '');
  return {
    confirm: wordOf('LLM_IOT_CONFIRM', env, fields.confirm, ['destructive', 'off']),
    by: wordOf('LLM_IOT_CONFIRM_BY', env, fields.confirmBy, ['any', 'person']),
    lifeMs: minutes === '' ? standard.lifeMs : minutesOf(minutes) * 60_000,
  };
}

function wordOf<T extends string>(
  variable: string,
  env: Readonly<Record<string, string | undefined>>,
  field: string | undefined,
  words: readonly [T, ...T[]],
): T {
  const text = env[variable] || field || words[0];
  const found = words.find((word) => word === text);
  if (found !== undefined) return found;
  throw new Error(`${variable} must be one of ${words.join(', ')}, not "${text}"`);
}

function minutesOf(text: string | number): number {
  const number = Number(text);
  if (Number.isFinite(number) && number > 0 && number <= 1_440) return number;
  throw new Error(`LLM_IOT_CONFIRM_MINUTES must be a number up to 1440, not "${text}"`);
}
