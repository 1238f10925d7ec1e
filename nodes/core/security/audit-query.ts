import type { JsonObject } from '../document.ts';
import { invalidParam, optionalNumber, optionalString, optionalWord } from '../params.ts';
import type { AuditEvent } from './audit.ts';

/** What to find on record; newest first. */
export interface AuditQuery {
  /** ISO 8601 in UTC: from it on, and before it. */
  since?: string;
  until?: string;
  /** Which fields must be the same. */
  equal: Partial<Record<AuditField, string>>;
  /** Only rows before this one. */
  before?: number;
  limit: number;
}

export const auditFields = [
  'action',
  'outcome',
  'principal_id',
  'device_id',
  'subject',
  'transport',
] as const;
export type AuditField = (typeof auditFields)[number];

export const auditActions = [
  'authentication',
  'refusal',
  'command',
  'key',
  'policy',
  'certificate',
  'approval',
  'system',
] as const satisfies readonly AuditEvent['action'][];
export const auditOutcomes = ['ok', 'refused', 'failed'] as const;
const transports = ['http', 'websocket', 'mqtt', 'mcp', 'flow'] as const;
const standardLimit = 100;
const mostEvents = 1_000;
const longestFilter = 256;

/** A time as ISO 8601 in UTC. @throws RpcError -32602 */
export function auditTime(params: JsonObject, field: string): string | undefined {
  const text = optionalString(params, field);
  if (text === undefined) return undefined;
  const time = text.length > 64 || !/^\d{4}-\d\d-\d\d/.test(text) ? NaN : Date.parse(text);
  if (Number.isNaN(time))
    throw invalidParam(field, `${field} must be ISO 8601, such as 2026-01-31T00:00:00Z`, {
      expected: { type: 'string', format: 'date-time', example: '2026-01-31T00:00:00Z' },
    });
  return new Date(time).toISOString();
}

/**
 * Reads the params of `audit.query`: `{ since?, until?, action?, outcome?, principal_id?, device_id?, subject?,
 * transport?, limit?, cursor? }`. @throws RpcError -32602
 */
export function readAuditQuery(params: JsonObject): AuditQuery {
  const cursor = optionalString(params, 'cursor');
  if (cursor !== undefined && !/^[1-9]\d{0,14}$/.test(cursor))
    throw invalidParam('cursor', 'cursor is none that audit.query gave', {
      fix: { remove: ['cursor'] },
    });
  const since = auditTime(params, 'since');
  const until = auditTime(params, 'until');
  const word = (field: AuditField): string | undefined => {
    if (field === 'action') return optionalWord(params, field, auditActions);
    if (field === 'outcome') return optionalWord(params, field, auditOutcomes);
    if (field === 'transport') return optionalWord(params, field, transports);
    const text = optionalString(params, field);
    if (text !== undefined && text.length > longestFilter)
      throw invalidParam(field, `${field} may have ${longestFilter} characters at most`);
    return text;
  };
  const equal: AuditQuery['equal'] = {};
  for (const field of auditFields) {
    const value = word(field);
    if (value !== undefined) equal[field] = value;
  }
  const bounds = { min: 1, max: mostEvents, integer: true };
  return {
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    equal,
    ...(cursor !== undefined && { before: Number(cursor) }),
    limit: optionalNumber(params, 'limit', bounds) ?? standardLimit,
  };
}
