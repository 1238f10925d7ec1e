import type { Ids } from '../ids.ts';
import { canonical } from '../schema/canonical.ts';
import type { Principal } from '../security/types.ts';
import type {
  ApprovalAsk,
  ApprovalDecider,
  ApprovalRecord,
  ApprovalStep,
  ConfirmationKind,
  ConfirmSettings,
} from './approval-types.ts';

/** Whose commands need somebody's word: those of language models. A flow is somebody's work already. */
export function needsWord(principal: Principal | undefined): principal is Principal {
  return principal !== undefined && principal.role.startsWith('llm_');
}

/** What a command needs, by what is known of it. */
export function confirmationOf(request: {
  critical: boolean;
  declaration?: { destructive?: boolean };
}): ConfirmationKind | undefined {
  if (request.critical) return 'critical';
  return request.declaration?.destructive === true ? 'destructive' : undefined;
}

/**
 * What makes two calls the same: who calls, with which arguments, for which devices. The devices of one command are a
 * set; several commands go in their order.
 */
export function fingerprintOf(
  { principal, kind, steps }: Pick<ApprovalAsk, 'principal' | 'kind' | 'steps'>,
  ids: Pick<Ids, 'hash'>,
): string {
  const texts = steps.map(({ device_id, command, arguments: args }) =>
    canonical({ device_id, command, arguments: args }),
  );
  const ordered = isOneCommand(steps) ? texts.sort() : texts;
  return ids.hash(JSON.stringify([principal.id, kind, ordered]));
}

function isOneCommand(steps: readonly ApprovalStep[]): boolean {
  const [first, ...others] = steps.map(({ command, arguments: args }) =>
    canonical({ command, arguments: args }),
  );
  return others.every((text) => text === first);
}

/** Why the human at an MCP client may not decide. */
export function elicitationProblem(
  { kind, asked_by, agents = [] }: ApprovalRecord,
  { principal, agent = '' }: ApprovalDecider,
  { by }: ConfirmSettings,
): string | undefined {
  if (by === 'person') return 'this hub takes no approvals by way of the program that asked';
  if (kind === 'critical')
    return 'a critical command needs the approval of a person by another way, or a signature';
  return principal?.id === asked_by && agents.includes(agent)
    ? undefined
    : 'a program may only ask its human about what it asked for itself';
}

/** Whether people are asked where a principal's commands need somebody's word. */
export function isAsked(
  approvals: { settings: ConfirmSettings } | undefined,
  principal: Principal | undefined,
): boolean {
  return approvals?.settings.confirm === 'destructive' && needsWord(principal);
}

/** What a command of a principal needs: somebody's word, or a signature where nobody is asked. */
export function wordFor(
  approvals: { settings: ConfirmSettings } | undefined,
  request: Parameters<typeof confirmationOf>[0],
  principal: Principal | undefined,
): ConfirmationKind | undefined {
  const kind = confirmationOf(request);
  return kind === 'critical' || isAsked(approvals, principal) ? kind : undefined;
}
