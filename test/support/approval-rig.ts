import { randomBytes } from 'node:crypto';
import { createAesSecretBox } from '../../nodes/adapters/secrets/aes-secret-box.ts';
import { nodeMac } from '../../nodes/adapters/signing/node-mac.ts';
import { createApprovalQueries } from '../../nodes/core/command/approval-queries.ts';
import type { ConfirmSettings } from '../../nodes/core/command/approval-types.ts';
import { createApprovals } from '../../nodes/core/command/approvals.ts';
import { createRequireSignature, signedBody } from '../../nodes/core/command/call-signature.ts';
import { createCommandExecutor } from '../../nodes/core/command/executor.ts';
import { createCommandGuard } from '../../nodes/core/command/guard.ts';
import type { RpcError } from '../../nodes/core/rpc/errors.ts';
import { createCommandReader } from '../../nodes/core/schema/declarations.ts';
import { createAuditTrail, type AuditEvent } from '../../nodes/core/security/audit.ts';
import { readPolicy } from '../../nodes/core/security/policy.ts';
import { createReplayGuard } from '../../nodes/core/security/replay-guard.ts';
import { sign } from '../../nodes/core/security/signature.ts';
import { createSigningSecrets } from '../../nodes/core/security/signing-secrets.ts';
import type { Principal } from '../../nodes/core/security/types.ts';
import type { LatestReading } from '../../nodes/core/telemetry/ports.ts';
import { createDomain, createMemoryLog, settled } from './domain.ts';

type Params = Record<string, unknown>;

export const model: Principal = { id: 'model', role: 'llm_write', name: 'assistant', means: 'key' };
export const operator: Principal = { id: 'operator', role: 'user_operator', means: 'key' };

const declared = {
  reset: { destructive: true },
  open: { critical: true },
  look: { read_only: true },
  close: {},
  set: {
    arguments: {
      type: 'object',
      properties: { level: { type: 'number', maximum: 100 }, pin: { 'x-sensitive': true } },
    },
    inverse: { command: 'set', arguments: { level: { $before: 'level' } } },
  },
};

/** Commands with approvals, plans, signatures and policies, over devices that do at once what they are told. */
export async function createApprovalRig(settings: Partial<ConfirmSettings> = {}) {
  const domain = createDomain();
  const { registry, records, clock, ids } = domain;
  const log = createMemoryLog();
  const audit = createAuditTrail({ clock, log });
  const audited: AuditEvent[] = [];
  audit.listen((event) => audited.push(event));
  const box = createAesSecretBox([randomBytes(32)]);
  const secrets = createSigningSecrets({ records, clock, mac: nodeMac, box });
  const replays = createReplayGuard({ records, clock });
  const readings: LatestReading[] = [];
  const sent: { targetId: string; method: string; params: Params; critical?: true }[] = [];
  const does: { answer: (method: string) => object | undefined } = {
    answer: () => ({ result: {} }),
  };

  /** Commands and approvals as they are after a start of the hub, over what is stored. */
  const start = async () => {
    const approvals = createApprovals({ records, audit, clock, ids, log, settings });
    await approvals.load();
    const guard = createCommandGuard({
      ...{ registry, audit, clock },
      store: { latest: () => readings },
      requireSignature: createRequireSignature({ mac: nodeMac, secrets, replays, audit, clock }),
    });
    const commands = createCommandExecutor({
      ...{ registry, records, clock, ids, log, guard, approvals },
      latest: () => readings,
      link: () => ({
        deliver(targetId, { id, ...command }) {
          sent.push({ targetId, ...command });
          const answer = does.answer(command.method);
          if (answer) commands.answer(targetId, { jsonrpc: '2.0', id, ...answer });
          return Promise.resolve();
        },
      }),
    });
    await commands.load();
    const queries = createApprovalQueries({ approvals, registry, clock });
    return { approvals, commands, queries };
  };
  const device = async (more: object = {}): Promise<string> => {
    const schema = { commands: createCommandReader()({ ...declared, ...more }, 'schema') };
    return (await domain.register({}, schema)).device_id;
  };
  const { secret } = await secrets.issue('caller:model', 0);
  const signed = (method: string, params: Params): Params => ({
    ...params,
    signature: sign(nodeMac, [secret], {
      id: `s${sent.length}-${clock.now()}`,
      body: signedBody({ method, params }),
      now: clock.now(),
    }),
  });
  return {
    ...{
      ...domain,
      ...(await start()),
      audited,
      sent,
      does,
      readings,
      start,
      device,
      signed,
      settled,
    },
    policyOf: (rules: object[]) => ({ name: 'p', always: true, rules: readPolicy(rules) }),
  };
}

/** The id of the approval that a refusal asks for. */
export async function askedFor(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    const { code, details } = error as RpcError;
    if (code === -32005 && typeof details['approval_id'] === 'string')
      return details['approval_id'];
    throw error;
  }
  throw new Error('it was carried out');
}
