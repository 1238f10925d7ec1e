import type { RequestHandler } from '../adapters/http/front-guard.ts';
import { createApprovalPage } from '../adapters/http/approval-page.ts';
import type { Clock } from '../core/clock.ts';
import {
  approvalQuestion,
  createApprovalQueries,
  type ApprovalQueries,
} from '../core/command/approval-queries.ts';
import type { ConfirmSettings } from '../core/command/approval-types.ts';
import { createApprovals, type Approvals } from '../core/command/approvals.ts';
import type { DeviceRegistry } from '../core/device/ports.ts';
import type { Ids } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import type { RecordStore } from '../core/records.ts';
import type { AuditTrail } from '../core/security/audit.ts';
import type { Principal } from '../core/security/types.ts';

/** Who asked its human. */
interface Client {
  principal: Principal;
  agent?: string;
}

/** Approvals of a hub, and what is asked of them. */
export interface HubApprovals {
  approvals: Approvals;
  queries: ApprovalQueries;
  /** The word of the human at an MCP client, about what that client asked for itself. @throws RpcError -32602, -32005 */
  grant(approvalId: string, through: Client): Promise<void>;
  deny(approvalId: string, through: Client): Promise<void>;
  /** What is to be approved, in a sentence for a person; undefined if there is no such approval. */
  question(approvalId: string): string | undefined;
  /** The page behind the links of approvals, by the beginning of its path, with what stands before it. */
  pageBehind(guard: (handler: RequestHandler) => RequestHandler): [string, RequestHandler][];
  /** Path of the page of a new link; undefined when nobody has to decide any more. */
  linkOf(approvalId: string): Promise<string | undefined>;
}

export async function createHubApprovals(deps: {
  records: RecordStore;
  devices: DeviceRegistry;
  audit: AuditTrail;
  clock: Clock;
  ids: Ids;
  log: Log;
  settings?: ConfirmSettings | undefined;
  /** Where links lead, such as `/approve/`. */
  path: string;
}): Promise<HubApprovals> {
  const { records, devices, audit, clock, ids, log, settings, path } = deps;
  const approvals = createApprovals({
    ...{ records, audit, clock, ids, log },
    ...(settings && { settings }),
  });
  await approvals.load();
  const queries = createApprovalQueries({ approvals, registry: devices, clock });
  const elicited =
    (decision: 'grant' | 'deny') =>
    async (id: string, { principal, agent }: Client): Promise<void> => {
      const by = { principal, via: 'elicitation' as const, ...(agent !== undefined && { agent }) };
      await approvals[decision](id, { by });
    };
  return {
    ...{ approvals, queries },
    ...{ grant: elicited('grant'), deny: elicited('deny') },
    question(id) {
      const record = approvals.get(id);
      return record && approvalQuestion(queries.show(record));
    },
    pageBehind: (guard) => [
      [
        path,
        guard(createApprovalPage({ approvals, show: (record) => queries.show(record), path, log })),
      ],
    ],
    async linkOf(id) {
      const token = await approvals.linkOf(id);
      return token === undefined ? undefined : path + token;
    },
  };
}
