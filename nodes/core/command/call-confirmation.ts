import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { Principal } from '../security/types.ts';
import { confirmationOf, needsWord } from './approval-rules.ts';
import type { ApprovalStep, ConfirmationKind } from './approval-types.ts';
import type { Approvals, Approved } from './approvals.ts';
import { requireUncritical } from './permission.ts';
import type { CommandRequest } from './request.ts';
import type { CommandOrigin } from './types.ts';

/** What one call needs besides the right to make it: a signature, or somebody's word. */
export interface CallConfirmation {
  /**
   * Resolves when a command of the call may leave as far as that goes. The first that needs somebody's word asks for the
   * whole call. @throws RpcError -32005, with `data.approval_id` while somebody is asked
   * @param whole all commands of the call, if there are several
   * @param beforeAsking throws when the command could not leave anyhow: nobody is bothered with it then
   */
  require(
    request: CommandRequest,
    whole?: readonly CommandRequest[],
    beforeAsking?: () => void,
  ): Promise<void>;
  /** Uses up what was granted, once for the call; resolves when that is stored. @throws RpcError -32005 */
  use(): Promise<void>;
}

export function createCallConfirmation(deps: {
  approvals: Approvals | undefined;
  principal: Principal | undefined;
  origin: CommandOrigin | undefined;
  reason: string | undefined;
  isSigned: boolean;
  /** Resolves once the call is known to be signed. @throws RpcError -32005 */
  signed: () => Promise<void>;
}): CallConfirmation {
  const { approvals, principal, origin, reason, isSigned, signed } = deps;
  let asked: { kind: ConfirmationKind; approved: Promise<Approved> } | undefined;
  let used: Promise<void> | undefined;

  return {
    async require(request, whole = [request], beforeAsking) {
      const kind = confirmationOf(request);
      if (!kind) return;
      if (request.critical) requireUncritical(principal, request.command);
      if (!approvals || approvals.settings.confirm === 'off' || !needsWord(principal)) {
        if (request.critical) await signed();
        return;
      }
      if (isSigned) return signed();
      if (asked && (asked.kind === kind || asked.kind === 'critical')) {
        await asked.approved;
        return;
      }
      beforeAsking?.();
      const strongest = whole.some(({ critical }) => critical) ? 'critical' : kind;
      asked = {
        kind: strongest,
        approved: approvals.require({
          kind: strongest,
          steps: whole.map(stepOf),
          sensitive: new Set(whole.flatMap(({ sensitive }) => [...sensitive])),
          ...{ principal, origin, reason },
        }),
      };
      await asked.approved;
    },
    use: () =>
      (used ??= asked ? asked.approved.then((approved) => approved.use()) : Promise.resolve()),
  };
}

const stepOf = ({ targetId, command, arguments: args }: CommandRequest): ApprovalStep => ({
  ...{ device_id: targetId, command, arguments: args },
});

/** Of a command that waited: what it needed when it came was there then. */
export function confirmationOfWaited(deps: {
  approvals: Approvals | undefined;
  principal: Principal | undefined;
  signed: boolean;
  confirmed: boolean;
}): CallConfirmation {
  const { approvals, principal, signed, confirmed } = deps;
  return {
    async require(request) {
      await Promise.resolve();
      const kind = confirmationOf(request);
      if (request.critical) {
        requireUncritical(principal, request.command);
        if (!signed) throw becameSo('critical', 'it is not signed');
      }
      const isAsked = approvals?.settings.confirm === 'destructive' && needsWord(principal);
      if (kind === 'destructive' && isAsked && !confirmed && !signed)
        throw becameSo('destructive', 'nobody approved it');
    },
    use: () => Promise.resolve(),
  };
}

const becameSo = (what: string, why: string): RpcError =>
  new RpcError(ErrorCode.Unauthorized, `this command became ${what} while it waited, and ${why}`);
