import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { AuditEntry, AuditTrail } from './audit.ts';

/** Why somebody was refused for doing too much; labels of a metric, so there are few and none names anybody. */
export type RefusalCause =
  | 'banned'
  | 'slowed'
  | 'calls_in_all'
  | 'bytes_in_all'
  | 'calls_per_address'
  | 'bytes_per_address'
  | 'calls_per_principal'
  | 'bytes_per_principal'
  | 'calls_per_device'
  | 'calls_per_method'
  | 'registrations'
  | 'connections_per_address'
  | 'connections_per_principal'
  | 'connects_per_address'
  | 'takeovers'
  | 'commands_per_principal'
  | 'messages'
  | 'origin'
  | 'host';

/** Who was refused, and at what. */
export interface Refused extends Pick<AuditEntry, 'principal' | 'transport' | 'address'> {
  /** A method, a topic, `connect`. */
  subject: string;
  /** One sentence for the one who is refused. */
  reason: string;
  /** Milliseconds; absent where waiting does not help. */
  retryAfterMs?: number;
  /** For the audit trail only. */
  details?: Record<string, unknown>;
}

/** Counts whoever is refused for doing too much, and tells the audit trail. */
export interface Refusals {
  /** @returns the error for the one who is refused: -32006 with `limit`, the cause, and `retry_after_ms` */
  refuse(cause: RefusalCause, refused: Refused): RpcError;
  /** Counts somebody who gets no answer any more, and is not worth a record. */
  count(cause: RefusalCause): void;
  /** By cause, since the start. */
  counts(): Partial<Record<RefusalCause, number>>;
}

export function createRefusals({ audit }: { audit: Pick<AuditTrail, 'record'> }): Refusals {
  const counts: Partial<Record<RefusalCause, number>> = {};
  const count = (cause: RefusalCause): void => {
    counts[cause] = (counts[cause] ?? 0) + 1;
  };
  return {
    count,
    refuse(cause, { subject, reason, retryAfterMs, details: more, ...who }) {
      count(cause);
      const wait = retryAfterMs === undefined ? {} : { retry_after_ms: Math.ceil(retryAfterMs) };
      const details = { limit: cause, ...wait };
      audit.record({
        action: cause === 'banned' || cause === 'slowed' ? 'authentication' : 'refusal',
        outcome: 'refused',
        subject,
        code: ErrorCode.ResourceExhausted,
        reason,
        ...who,
        details: { ...more, ...details },
      });
      return new RpcError(ErrorCode.ResourceExhausted, reason, details);
    },
    counts: () => ({ ...counts }),
  };
}

/** The milliseconds after which an error says to try again; undefined for any other error. */
export function retryAfterOf(error: unknown): number | undefined {
  if (!(error instanceof RpcError)) return undefined;
  const wait = error.details['retry_after_ms'];
  return typeof wait === 'number' ? wait : undefined;
}
