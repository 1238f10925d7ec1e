import type { JsonObject } from '../document.ts';
import type { Principal } from '../security/types.ts';
import type { CommandOrigin } from './types.ts';

/** Why a command needs somebody's word: its declaration says `destructive`, or that or a policy says it is critical. */
export type ConfirmationKind = 'destructive' | 'critical';

/** One command of a call, with what was read of it. */
export interface ApprovalStep {
  /** Id of a device or sensor. */
  device_id: string;
  command: string;
  arguments: JsonObject;
}

/** What a person is asked to approve: everything the call would have carried out. */
export interface ApprovalAsk {
  kind: ConfirmationKind;
  steps: readonly ApprovalStep[];
  /** Names of what is secret in the arguments. */
  sensitive: ReadonlySet<string>;
  principal: Principal;
  origin: CommandOrigin | undefined;
  /** Why, in the words of who asks. */
  reason: string | undefined;
}

export const approvalStates = ['pending', 'granted', 'denied', 'used', 'expired'] as const;
export type ApprovalState = (typeof approvalStates)[number];

/** By what way somebody decided. */
export type ApprovalWay = 'method' | 'elicitation' | 'flow' | 'link';

/** An approval as it is stored. Secret arguments are masked: the call is recognised by its fingerprint. */
export interface ApprovalRecord {
  approval_id: string;
  kind: ConfirmationKind;
  steps: ApprovalStep[];
  state: Exclude<ApprovalState, 'expired'>;
  /** Hash of the principal, the kind and the steps. */
  fingerprint: string;
  /** Id of the principal that asked, and its name. */
  asked_by: string;
  asked_by_name?: string;
  /** Programs that asked over MCP, as they say themselves. */
  agents?: string[];
  reason?: string;
  /** ISO 8601. */
  asked_at: string;
  expires_at: string;
  decided_at?: string;
  decided_by?: string;
  via?: ApprovalWay;
  note?: string;
  used_at?: string;
  /** Hashes of the tokens in its links, while nobody has decided. */
  links?: string[];
}

/** Who decides. */
export interface ApprovalDecider {
  /** Undefined for the flow itself. */
  principal: Principal | undefined;
  via: ApprovalWay;
  /** What program asked its human (`elicitation`); name of the node (`flow`, `link`). */
  agent?: string;
}

/** Whose word counts: that of the human at an MCP client too, or only that of a person by another way. */
export type ConfirmBy = 'any' | 'person';

export interface ConfirmSettings {
  /** `off`: critical commands need a signature, and nothing needs an approval. */
  confirm: 'destructive' | 'off';
  by: ConfirmBy;
  /** How long an approval is asked for, and how long a granted one is good. */
  lifeMs: number;
}

export const defaultConfirmSettings: ConfirmSettings = {
  confirm: 'destructive',
  by: 'any',
  lifeMs: 600_000,
};
