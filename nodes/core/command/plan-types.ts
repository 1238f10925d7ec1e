import type { JsonObject } from '../document.ts';
import type { RpcError } from '../rpc/errors.ts';
import type { ConfirmationKind } from './approval-types.ts';
import type { CommandRequest } from './request.ts';

/** A command as it would go now. */
export interface CommandCheck {
  /** Absent when it cannot be read. */
  request?: CommandRequest;
  /** What it would be refused with; none: it may leave. */
  problems: RpcError[];
  online: boolean;
  busy: boolean;
  /** What it needs besides: somebody's word or a signature. */
  needs?: ConfirmationKind | undefined;
}

/** Params of one command of a plan: `{ device_id, command, arguments, timeout_ms?, reason? }`. */
export type PlanParams = JsonObject;

export type PlanRisk = 'none' | 'low' | 'high' | 'critical';

/** One change of a device's configuration. */
export interface PredictedChange {
  field: string;
  from: unknown;
  to: unknown;
}

export interface PlanStep {
  device_id: string;
  name?: string;
  command: string;
  arguments: JsonObject;
  ok: boolean;
  /** `error.data` of each, with its code. */
  problems: JsonObject[];
  state: {
    online: boolean;
    busy: boolean;
    applied_config?: JsonObject;
    latest?: JsonObject[];
  };
  /** `known: false`: nothing tells what it would do. */
  predicted: { known: boolean; changes: PredictedChange[] };
  reversible: boolean;
  /** The command that would undo it. */
  inverse?: { command: string; arguments: JsonObject };
  risk: PlanRisk;
  needs_confirmation: boolean;
}

/** Answer to `device.plan`. */
export interface PlanResult {
  /** Absent when it cannot be carried out. */
  plan_id?: string;
  /** ISO 8601. */
  expires_at?: string;
  ok: boolean;
  summary: string;
  steps: PlanStep[];
  suggestions?: string[];
  untrusted: string[];
}
