import type { Clock } from '../clock.ts';
import { jsonSize, type JsonObject } from '../document.ts';
import type { Ids } from '../ids.ts';
import type { Log } from '../log.ts';
import { invalidParam } from '../params.ts';
import type { RecordStore } from '../records.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { canonical } from '../schema/canonical.ts';
import type { AuditEntry, AuditTrail } from '../security/audit.ts';
import { masked } from '../security/sensitive.ts';
import { createSerially } from '../serial.ts';
import { cleanText } from '../text.ts';
import { elicitationProblem, fingerprintOf } from './approval-rules.ts';
import {
  defaultConfirmSettings,
  type ApprovalAsk,
  type ApprovalDecider,
  type ApprovalRecord,
  type ApprovalState,
  type ConfirmSettings,
} from './approval-types.ts';

const mostOfOne = 20;
const mostOpen = 1_000;
const mostKept = 2_000;
const longestNote = 500;
const mostAgents = 5;
const mostLinks = 5;
const largestArguments = 4 * 1_024;

/** A call that was approved. */
export interface Approved {
  /**
   * Uses it up; resolves when that is stored. Called before anything leaves. @throws RpcError -32005 when another call
   * was faster
   */
  use(): Promise<void>;
}

/** What somebody is asked for their word, and what they said. */
export interface Approvals {
  load(): Promise<void>;
  /** Whether commands of this kind need somebody's word at all. */
  readonly settings: ConfirmSettings;
  /**
   * The approval of a call, if it was granted; otherwise asks for one, unless that is done already.
   * @throws RpcError -32005 with `data.approval_id` while it is asked for, or was denied; -32006 when too many are
   */
  require(ask: ApprovalAsk): Promise<Approved>;
  get(approvalId: string): ApprovalRecord | undefined;
  all(): Iterable<ApprovalRecord>;
  stateOf(record: ApprovalRecord): ApprovalState;
  /** @throws RpcError -32602 for one that is not there or decided, -32005 for who may not decide it */
  grant(approvalId: string, how: { by: ApprovalDecider; note?: string }): Promise<ApprovalRecord>;
  deny(approvalId: string, how: { by: ApprovalDecider; note?: string }): Promise<ApprovalRecord>;
  /** Makes the link of an approval: the only time its token is told. */
  linkOf(approvalId: string): Promise<string | undefined>;
  byLink(token: string): ApprovalRecord | undefined;
  /** Told of each change, `pending` for a new one; the answer stops that. */
  listen(listener: (record: ApprovalRecord) => void): () => void;
}

export function createApprovals(deps: {
  records: RecordStore;
  audit: AuditTrail;
  clock: Clock;
  ids: Ids;
  log: Log;
  settings?: Partial<ConfirmSettings>;
}): Approvals {
  const { records, audit, clock, ids, log } = deps;
  const settings = { ...defaultConfirmSettings, ...deps.settings };
  /** The oldest first. */
  const kept = new Map<string, ApprovalRecord>();
  const listeners = new Set<(record: ApprovalRecord) => void>();
  const serially = createSerially();

  const stateOf = ({ state, expires_at }: ApprovalRecord): ApprovalState =>
    (state === 'pending' || state === 'granted' || state === 'denied') &&
    Date.parse(expires_at) <= clock.now()
      ? 'expired'
      : state;
  const isOpen = (record: ApprovalRecord): boolean => {
    const state = stateOf(record);
    return state === 'pending' || state === 'granted';
  };
  const later = (): string => new Date(clock.now() + settings.lifeMs).toISOString();
  const now = (): string => new Date(clock.now()).toISOString();

  const trim = (): void => {
    for (const [id, record] of kept) {
      if (kept.size <= mostKept) return;
      if (isOpen(record)) continue;
      kept.delete(id);
      serially(id, () => records.remove('approval', id)).catch((error: unknown) =>
        log.warn(`could not remove an old approval: ${String(error)}`),
      );
    }
  };
  const save = (record: ApprovalRecord): Promise<void> => {
    kept.set(record.approval_id, record);
    trim();
    return serially(record.approval_id, () =>
      records.put('approval', record.approval_id, kept.get(record.approval_id) ?? record),
    );
  };
  const tell = (record: ApprovalRecord): void => {
    for (const listener of listeners) {
      try {
        listener(record);
      } catch (error) {
        log.error(`approval: ${String(error)}`);
      }
    }
  };
  const note = (record: ApprovalRecord, what: string, more: Partial<AuditEntry> = {}): void => {
    const { approval_id, kind, steps, asked_by, reason, note: said, via } = record;
    const [first] = steps;
    audit.record({
      ...{ action: 'approval', outcome: 'ok', subject: `approval.${what}` },
      ...(steps.length === 1 && first && { device_id: first.device_id }),
      ...more,
      details: {
        ...{ approval_id, kind, asked_by, steps },
        ...(reason !== undefined && { reason }),
        ...(said !== undefined && { note: said }),
        ...(via !== undefined && { via }),
        ...more.details,
      },
    });
  };

  const requireRoom = (of: string): void => {
    const open = [...kept.values()].filter(isOpen);
    const own = open.filter(({ asked_by }) => asked_by === of);
    const isFull = open.length >= mostOpen;
    if (!isFull && own.length < mostOfOne) return;
    const ends = (isFull ? open : own).map(({ expires_at }) => Date.parse(expires_at));
    throw new RpcError(
      ErrorCode.ResourceExhausted,
      'too many approvals are asked for; nobody has decided on them yet',
      {
        limit: isFull ? mostOpen : mostOfOne,
        retry_after_ms: Math.max(1, Math.min(...ends) - clock.now()),
        suggestions: ['Wait until a person has decided on those that are pending: approval.list.'],
      },
    );
  };

  const ask = async (asked: ApprovalAsk, fingerprint: string): Promise<ApprovalRecord> => {
    const { kind, steps, sensitive, principal, origin, reason } = asked;
    requireRoom(principal.id);
    const record: ApprovalRecord = {
      ...{ approval_id: ids.uuid(), kind },
      steps: steps.map((step) => ({ ...step, arguments: shownArguments(step, sensitive) })),
      ...{ state: 'pending', fingerprint, asked_by: principal.id },
      ...(principal.name !== undefined && { asked_by_name: principal.name }),
      ...(origin?.transport === 'mcp' && { agents: [origin.agent ?? ''] }),
      ...(reason !== undefined && reason !== '' && { reason }),
      ...{ asked_at: now(), expires_at: later() },
    };
    const stored = save(record);
    try {
      await stored;
    } catch (error) {
      // Nobody could find it after a restart; it is asked for again.
      kept.delete(record.approval_id);
      throw error;
    }
    const by = origin && {
      transport: origin.transport,
      ...(origin.address !== undefined && { address: origin.address }),
    };
    note(record, 'asked', { principal, ...by });
    tell(record);
    return record;
  };
  /** An MCP client may ask its human about what it asked for itself. */
  const noteAgent = async (record: ApprovalRecord, { origin }: ApprovalAsk): Promise<void> => {
    if (origin?.transport !== 'mcp') return;
    const agent = origin.agent ?? '';
    const { agents = [] } = record;
    if (agents.includes(agent) || agents.length >= mostAgents) return;
    await save({ ...record, agents: [...agents, agent] });
  };

  const use = async (
    { approval_id }: ApprovalRecord,
    { principal }: ApprovalAsk,
  ): Promise<void> => {
    const record = kept.get(approval_id);
    if (!record || stateOf(record) !== 'granted')
      throw new RpcError(
        ErrorCode.Unauthorized,
        'the approval of this call was used by another one, or has expired; each is good for one call',
        { approval_id, retryable: true, suggestions: ['Make the same call again to ask anew.'] },
      );
    const used: ApprovalRecord = { ...record, state: 'used', used_at: now() };
    await save(used);
    note(used, 'used', { principal });
    tell(used);
  };

  const decide = async (
    approvalId: string,
    state: 'granted' | 'denied',
    { by, note: said }: { by: ApprovalDecider; note?: string },
  ): Promise<ApprovalRecord> => {
    const record = kept.get(approvalId);
    if (!record)
      throw invalidParam('approval_id', 'there is no approval with this id', {
        look_up: { method: 'approval.list', take: 'approvals[].approval_id' },
      });
    const current = stateOf(record);
    const { principal, via } = by;
    const problem =
      via === 'elicitation' ? elicitationProblem(record, by, settings) : ownProblem(record, by);
    if (problem !== undefined) {
      note(record, state, {
        outcome: 'refused',
        ...(principal && { principal }),
        reason: problem,
        details: { via },
      });
      throw new RpcError(ErrorCode.Unauthorized, problem, { approval_id: approvalId });
    }
    if (current !== 'pending')
      throw invalidParam(
        'approval_id',
        `this approval is ${current}; only a pending one can be decided`,
        {
          state: current,
        },
      );
    const cleaned = cleanText(said, longestNote);
    const { links: _links, ...rest } = record;
    const decided: ApprovalRecord = {
      ...rest,
      ...{ state, decided_at: now(), decided_by: principal?.id ?? by.agent ?? 'flow', via },
      ...(cleaned !== '' && { note: cleaned }),
      // What was granted is good for as long as it was asked for, from now on.
      expires_at: later(),
    };
    const stored = save(decided);
    try {
      await stored;
    } catch (error) {
      // A word that is not kept is none.
      if (kept.get(approvalId) === decided) kept.set(approvalId, record);
      throw error;
    }
    note(decided, state, {
      ...(principal ? { principal } : { transport: 'flow' }),
      details: { via, ...(by.agent !== undefined && { agent: by.agent }) },
    });
    tell(decided);
    return decided;
  };
  const ownProblem = (
    { asked_by }: ApprovalRecord,
    { principal }: ApprovalDecider,
  ): string | undefined =>
    principal?.id === asked_by ? 'nobody may decide on what they asked for themselves' : undefined;

  return {
    settings,
    async load() {
      const all = await records.all<ApprovalRecord>('approval');
      all.sort((a, b) => (a.asked_at < b.asked_at ? -1 : 1));
      for (const record of all) kept.set(record.approval_id, record);
      trim();
    },
    async require(asked) {
      const fingerprint = fingerprintOf(asked, ids);
      const known = [...kept.values()].filter((record) => record.fingerprint === fingerprint);
      const granted = known.find((record) => stateOf(record) === 'granted');
      if (granted) return { use: () => use(granted, asked) };
      const denied = known.find((record) => stateOf(record) === 'denied');
      if (denied) throw deniedError(denied);
      const pending = known.find((record) => stateOf(record) === 'pending');
      if (pending) await noteAgent(pending, asked);
      throw pendingError(pending ?? (await ask(asked, fingerprint)), settings);
    },
    get: (id) => kept.get(id),
    all: () => kept.values(),
    stateOf,
    grant: (id, how) => decide(id, 'granted', how),
    deny: (id, how) => decide(id, 'denied', how),
    async linkOf(id) {
      const record = kept.get(id);
      if (!record || stateOf(record) !== 'pending') return undefined;
      const token = ids.secret('');
      const { links = [] } = record;
      await save({ ...record, links: [...links, ids.hash(token)].slice(-mostLinks) });
      return token;
    },
    byLink(token) {
      const hash = ids.hash(token);
      return [...kept.values()].find(
        (record) => record.links?.includes(hash) === true && stateOf(record) === 'pending',
      );
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Arguments as a person is shown them; what is too large to be read is not there. */
function shownArguments(
  { arguments: args }: { arguments: JsonObject },
  sensitive: ReadonlySet<string>,
): JsonObject {
  const shown = masked(args, sensitive);
  return jsonSize(shown) <= largestArguments
    ? shown
    : { not_kept: true, bytes: jsonSize(shown), begins: canonical(shown).slice(0, 500) };
}

function pendingError(
  { approval_id, kind, expires_at }: ApprovalRecord,
  { by }: ConfirmSettings,
): RpcError {
  const isCritical = kind === 'critical';
  const confirm_by = [
    'person',
    ...(isCritical ? ['signature'] : by === 'any' ? ['elicitation'] : []),
  ];
  return new RpcError(
    ErrorCode.Unauthorized,
    isCritical
      ? 'this command is critical: it needs the approval of a person, or params.signature; an approval is asked for now'
      : 'this command is declared as destructive: it needs the approval of a person, which is asked for now',
    {
      ...{ approval_id, kind, expires_at, confirm_by, state: 'pending', retryable: true },
      ...(isCritical && { field: 'signature', signature: 'missing' }),
      suggestions: [
        'Ask a person with the role user_operator or an administrator to decide: approval.grant or approval.deny with this approval_id.',
        'Call approval.get with this approval_id and wait_s up to 60 to hear of the decision.',
        'Once it is granted, make exactly the same call again: it goes once.',
      ],
    },
  );
}

function deniedError({ approval_id, kind, expires_at, note }: ApprovalRecord): RpcError {
  return new RpcError(ErrorCode.Unauthorized, 'a person has denied this call', {
    ...{ approval_id, kind, state: 'denied', retryable: false },
    ...(note !== undefined && { note, untrusted: ['note'] }),
    suggestions: [
      'Do not make this call; tell whoever wants it that it was denied.',
      `The same call can be asked for again after ${expires_at}.`,
    ],
  });
}
