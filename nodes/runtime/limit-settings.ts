import { defaultLimitSettings, type LimitSettings } from '../core/security/limit-settings.ts';

/** The fields of the hub's form that are limits; flows from before there were any have none. */
export type LimitFields = { [field in keyof LimitSettings]?: string | number };

/** Environment variables that win over the form. */
const variables: Partial<Record<keyof LimitSettings, string>> = {
  trustedProxies: 'LLM_IOT_TRUSTED_PROXIES',
  neverBanned: 'LLM_IOT_NEVER_BANNED',
  allowedOrigins: 'LLM_IOT_ALLOWED_ORIGINS',
  allowedHosts: 'LLM_IOT_ALLOWED_HOSTS',
};

/**
 * Reads the limits of a hub: lists are separated by commas or blanks, `none` is an empty one; limits by method are
 * `telemetry.query=20`. What is blank is as by default.
 * @throws Error that names the field whose value cannot be read
 */
export function limitSettingsFrom(
  fields: LimitFields,
  env: Readonly<Record<string, string | undefined>>,
): LimitSettings {
  const read = (name: keyof LimitSettings): unknown => {
    const variable = variables[name];
    const text = (variable !== undefined && env[variable]) || fields[name];
    const standard = defaultLimitSettings[name];
    if (text === undefined || text === '') return standard;
    if (text === 'none') return Array.isArray(standard) ? [] : standard;
    if (Array.isArray(standard)) return wordsOf(String(text));
    if (typeof standard === 'object') return ratesOf(name, String(text));
    return numberOf(name, text);
  };
  const names = Object.keys(defaultLimitSettings) as (keyof LimitSettings)[];
  return Object.fromEntries(names.map((name) => [name, read(name)])) as unknown as LimitSettings;
}

const wordsOf = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== '');

function ratesOf(name: string, text: string): Record<string, number> {
  const rates = wordsOf(text).map((word) => {
    const [method = '', rate = ''] = word.split('=');
    return [method, numberOf(`${name}, ${method}`, rate === '' ? 'nothing' : rate)] as const;
  });
  return Object.fromEntries(rates);
}

function numberOf(name: string, text: string | number): number {
  const number = Number(text);
  if (Number.isFinite(number) && number >= 0) return number;
  throw new Error(`${name} must be a number from 0 on, not "${text}"`);
}
