import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Transport } from '../rpc/types.ts';
import { maskEntry } from './audit-mask.ts';
import type { Principal } from './types.ts';

/** Kinds of what goes on record; new ones may come with new features. */
export type AuditAction =
  /** Somebody proved who they are, or failed to. */
  | 'authentication'
  /** A call, publication or subscription that was not allowed. */
  | 'refusal'
  /** A command to a device, with its result. */
  | 'command'
  | 'key'
  | 'policy'
  | 'certificate'
  /** Somebody's word on a command: asked for, granted, denied, used. */
  | 'approval'
  | 'system';

/**
 * One thing that happened, as whoever saw it tells it. Secrets are masked by the names of their fields and by their form;
 * what a device marked as sensitive is masked by whoever tells it.
 */
export interface AuditEntry {
  action: AuditAction;
  outcome: 'ok' | 'refused' | 'failed';
  /** What exactly: a method, a topic, `key.rotate`. */
  subject: string;
  principal?: Principal;
  transport?: Transport;
  address?: string;
  device_id?: string;
  /** Milliseconds, where something took time. */
  duration_ms?: number;
  /** Code of the error, and why. */
  code?: number;
  reason?: string;
  /** Name of the policy that decided. */
  policy?: string;
  /** Arguments, results and what else belongs to it. */
  details?: Record<string, unknown>;
}

/** An entry with the time it was told. */
export interface AuditEvent extends AuditEntry {
  /** ISO 8601. */
  at: string;
  /** So many of the same since `since`, for what is folded; the first of them has an event of its own. */
  count?: number;
  /** ISO 8601. */
  since?: string;
}

/** Port: where everything worth a record is told. Never throws and never waits. */
export interface AuditTrail {
  record(entry: AuditEntry): void;
  /** Tells what happens from now on; the answer stops that. */
  listen(listener: (event: AuditEvent) => void): () => void;
}

/** Passes on what happens to those who listen: the log on disk, and the nodes of flows. */
export function createAuditTrail({ clock, log }: { clock: Clock; log: Log }): AuditTrail {
  const listeners = new Set<(event: AuditEvent) => void>();
  return {
    record(entry) {
      const event = { at: new Date(clock.now()).toISOString(), ...maskEntry(entry) };
      for (const listener of listeners) {
        try {
          listener(event);
        } catch (error) {
          log.error(`audit: ${String(error)}`);
        }
      }
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
