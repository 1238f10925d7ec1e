import type { AuditSettings } from './settings.ts';

/** Fields of the hub's form; flows from before there was an audit log have none. */
export interface AuditFields {
  auditDays?: string | number;
  auditMaxMegabytes?: string | number;
}

/** What is kept unless told: a year, in at most a gigabyte. */
export const defaultAuditSettings: AuditSettings = { days: 365, maxMegabytes: 1_024 };

/** Reads how long the audit log is kept; the environment wins over the form. @throws Error that names what cannot be read */
export function auditSettingsFrom(
  fields: AuditFields,
  env: Readonly<Record<string, string | undefined>>,
): AuditSettings {
  const { days, maxMegabytes } = defaultAuditSettings;
  return {
    days: numberOf('LLM_IOT_AUDIT_DAYS', env, fields.auditDays, days),
    maxMegabytes: numberOf('LLM_IOT_AUDIT_MAX_MB', env, fields.auditMaxMegabytes, maxMegabytes),
  };
}

function numberOf(
  variable: string,
  env: Readonly<Record<string, string | undefined>>,
  field: string | number | undefined,
  standard: number,
): number {
  const text = env[variable] || (field ?? '');
  if (text === '') return standard;
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0 && number <= 1e9) return number;
  throw new Error(`${variable} must be a whole number from 0 on, not "${text}"`);
}
