import type { JsonObject } from '../document.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { Principal } from '../security/types.ts';
import { confirmationOf, isAsked, wordFor } from './approval-rules.ts';
import type { Approvals } from './approvals.ts';
import type { Call, ReadCall } from './command-call.ts';
import type { CommandGuard } from './guard.ts';
import { requireUncritical } from './permission.ts';
import type { CommandCheck } from './plan-types.ts';
import type { CommandRequest } from './request.ts';

type Checked = Pick<Call, 'params' | 'principal' | 'policies'>;

/** Looks at commands before any of them leaves. */
export interface CommandChecks {
  /** What would become of a command now; nothing is sent, and nothing is on record of it. */
  check(call: Checked): CommandCheck;
  /**
   * Has everything in a call that needs somebody's word and could leave now asked for together.
   * @throws RpcError -32005
   */
  confirmAll(call: Call, all: readonly JsonObject[]): Promise<void>;
}

export function createCommandChecks(deps: {
  guard: CommandGuard;
  approvals: Approvals | undefined;
  read: (call: { params: JsonObject; principal: Principal | undefined }) => ReadCall;
  judged: (asked: CommandRequest, call: Pick<Call, 'policies'>) => CommandRequest;
  requireReachable: (request: CommandRequest) => unknown;
  isBusy: (deviceId: string) => boolean;
}): CommandChecks {
  const { guard, approvals, read, judged, requireReachable } = deps;

  const check = (call: Checked): CommandCheck => {
    const { principal, policies } = call;
    const problems: RpcError[] = [];
    const noted = <T>(attempt: () => T): T | undefined => {
      try {
        return attempt();
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
        problems.push(error);
        return undefined;
      }
    };
    const request = noted(() => judged(read(call).request, call));
    if (!request) return { problems, online: false, busy: false };
    const { device } = request.target;
    if (request.critical) noted(() => requireUncritical(principal, request.command));
    const refusal = guard.refusalOf(request, principal, policies);
    if (refusal) problems.push(refusal);
    noted(() => requireReachable(request));
    return {
      ...{ request, problems },
      online: device.status !== 'offline',
      busy: deps.isBusy(device.device_id),
      needs: wordFor(approvals, request, principal),
    };
  };

  return {
    check,
    async confirmAll(call, all) {
      const checks = all.map((params) => check({ ...call, params }));
      const requests = checks.flatMap(({ request }) => (request ? [request] : []));
      const waits = call.params['wait'] === true;
      const needing = checks.flatMap(({ request, problems }) =>
        request && confirmationOf(request) && problems.every(({ code }) => waits && isAway(code))
          ? [request]
          : [],
      );
      const first = needing.find(({ critical }) => critical) ?? needing[0];
      // Without somebody to ask, each command of a batch is refused by itself.
      if (first && isAsked(approvals, call.principal))
        await call.confirmation.require(first, requests);
    },
  };
}

const isAway = (code: number): boolean =>
  code === ErrorCode.DeviceOffline || code === ErrorCode.DeviceBusy;
