import type { Clock } from '../clock.ts';
import type { DeviceRegistry } from '../device/ports.ts';
import type { JsonObject } from '../document.ts';
import { comparePageKeys, cursorOf, pagingOf, type PageKey } from '../paging.ts';
import {
  invalidParam,
  optionalNumber,
  optionalString,
  optionalWord,
  requiredString,
} from '../params.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { placeName, quoted } from '../rpc/quoted.ts';
import { narrowsDevices } from '../security/scope-rules.ts';
import type { Principal } from '../security/types.ts';
import { markUntrusted } from '../untrusted.ts';
import {
  approvalStates,
  type ApprovalRecord,
  type ApprovalState,
  type ApprovalStep,
} from './approval-types.ts';
import type { Approvals } from './approvals.ts';
import { requireCommandInScope } from './permission.ts';

/** An approval as somebody may see it. */
export type ShownApproval = Omit<
  ApprovalRecord,
  'fingerprint' | 'links' | 'steps' | 'state' | 'asked_by'
> & {
  asked_by?: string;
  state: ApprovalState;
  steps: (ApprovalStep & { name?: string })[];
  untrusted: string[];
};

/** `approval.list`, `.get`, `.grant`, `.deny` for somebody; without a principal it is the flow itself. */
export interface ApprovalQueries {
  show(record: ApprovalRecord, principal?: Principal): ShownApproval;
  /** `{ state?, limit?, cursor? }`, the newest first. @throws RpcError -32602 */
  list(
    params: JsonObject,
    principal: Principal | undefined,
  ): { approvals: Omit<ShownApproval, 'untrusted'>[]; cursor?: string; untrusted: string[] };
  /** `{ approval_id, wait_s? }`: waits until somebody has decided, for 60 seconds at most. @throws RpcError -32602 */
  get(params: JsonObject, principal: Principal | undefined): Promise<ShownApproval>;
  /**
   * `{ approval_id, note? }`. @throws RpcError -32602 for one that is not there or is decided, -32005 for who may not
   * @param node name of the node that decides for the flow
   */
  decide(
    decision: 'grant' | 'deny',
    params: JsonObject,
    principal: Principal | undefined,
    node?: string,
  ): Promise<ShownApproval>;
}

type Kept = Omit<ApprovalRecord, 'fingerprint' | 'links' | 'steps'>;
const withoutPeople = ({
  asked_by: _by,
  asked_by_name: _name,
  agents: _agents,
  reason: _reason,
  note: _note,
  decided_by: _decider,
  ...rest
}: Kept): Omit<Kept, 'asked_by'> => rest;

const foreign = ['reason', 'agents', 'note', 'asked_by_name'];
const ofSteps = ['steps[].name', 'steps[].arguments'];

const mostAsked = 10;

/** What is to be approved, in a sentence for a person: each command with what it is given, and where. */
export function approvalQuestion({ steps, reason }: ShownApproval): string {
  const said = steps
    .slice(0, mostAsked)
    .map(
      ({ device_id, name, command, arguments: args }) =>
        `${placeName(command)} ${quoted(JSON.stringify(args), 500)} at ${name === undefined ? device_id : `${quoted(name)} (${device_id})`}`,
    );
  const more = steps.length - said.length;
  return [
    ...said,
    ...(more > 0 ? [`and ${more} more commands`] : []),
    ...(reason === undefined ? [] : [`because, it says, ${quoted(reason, 200)}`]),
  ].join('; ');
}

export function createApprovalQueries(deps: {
  approvals: Approvals;
  registry: DeviceRegistry;
  clock: Clock;
}): ApprovalQueries {
  const { approvals, registry, clock } = deps;

  /** As commands: of all devices somebody may know of. */
  const sees = (principal: Principal | undefined, { steps }: ApprovalRecord): boolean =>
    !narrowsDevices(principal?.scope) ||
    steps.every(({ device_id }) => registry.canSee(principal, device_id));
  const nameOf = (id: string): string | undefined => {
    const target = registry.resolve(id);
    return (target?.sensor ?? target?.device)?.name;
  };
  /** A language model that did not ask hears nothing of who did, nor of what people said. */
  const show = (record: ApprovalRecord, principal?: Principal): ShownApproval => {
    const { fingerprint: _fingerprint, links: _links, steps, ...rest } = record;
    const isForeign =
      (principal?.role === 'llm_read' || principal?.role === 'llm_write') &&
      principal.id !== record.asked_by;
    const shown = {
      ...(isForeign ? withoutPeople(rest) : rest),
      state: approvals.stateOf(record),
      steps: steps.map((step) => {
        const name = nameOf(step.device_id);
        return { ...step, ...(name !== undefined && { name }) };
      }),
    };
    return markUntrusted(shown, [...foreign, ...ofSteps]);
  };
  const find = (params: JsonObject, principal: Principal | undefined): ApprovalRecord => {
    const record = approvals.get(requiredString(params, 'approval_id'));
    if (record && sees(principal, record)) return record;
    throw invalidParam('approval_id', 'there is no approval with this id', {
      look_up: { method: 'approval.list', take: 'approvals[].approval_id' },
    });
  };
  const decided = (id: string, seconds: number): Promise<void> =>
    new Promise((resolve) => {
      const end = (): void => {
        stop();
        cancel();
        resolve();
      };
      const stop = approvals.listen(({ approval_id }) => approval_id === id && end());
      const cancel = clock.after(seconds * 1_000, end);
    });
  const requireMayDecide = (principal: Principal, { steps }: ApprovalRecord): void => {
    if (principal.role !== 'llm_admin' && principal.role !== 'user_operator')
      throw new RpcError(
        ErrorCode.Unauthorized,
        'only people with the role user_operator and administrators decide on approvals',
        { role: principal.role },
      );
    for (const { command, arguments: args } of steps)
      requireCommandInScope(principal, command, args);
  };

  return {
    show,
    list(params, principal) {
      const state = optionalWord(params, 'state', approvalStates);
      const { limit, after } = pagingOf(params, { usual: 50, max: 500 });
      const keyOf = ({ asked_at, approval_id }: ApprovalRecord): PageKey => ({
        time: asked_at,
        id: approval_id,
      });
      const found = [...approvals.all()]
        .filter(
          (record) =>
            (state === undefined || approvals.stateOf(record) === state) &&
            (!after || comparePageKeys(keyOf(record), after) < 0) &&
            sees(principal, record),
        )
        .sort((a, b) => comparePageKeys(keyOf(b), keyOf(a)));
      const page = found.slice(0, limit);
      const last = page.at(-1);
      const shown = page.map((record) => {
        const { untrusted: _untrusted, ...one } = show(record, principal);
        return one;
      });
      return markUntrusted(
        {
          approvals: shown,
          ...(last && found.length > limit && { cursor: cursorOf(keyOf(last)) }),
        },
        [...foreign, ...ofSteps].map((member) => `approvals[].${member}`),
      );
    },
    async get(params, principal) {
      const record = find(params, principal);
      const wait = optionalNumber(params, 'wait_s', { min: 0, max: 60 }) ?? 0;
      if (wait > 0 && approvals.stateOf(record) === 'pending')
        await decided(record.approval_id, wait);
      return show(find(params, principal), principal);
    },
    async decide(decision, params, principal, node) {
      const record = find(params, principal);
      if (principal) requireMayDecide(principal, record);
      const note = optionalString(params, 'note');
      const by = {
        principal,
        via: principal ? ('method' as const) : ('flow' as const),
        ...(node !== undefined && node !== '' && { agent: node }),
      };
      const how = { by, ...(note !== undefined && { note }) };
      return show(await approvals[decision](record.approval_id, how), principal);
    },
  };
}
