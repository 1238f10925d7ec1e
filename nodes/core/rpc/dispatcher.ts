import type { Clock } from '../clock.ts';
import type { Ids } from '../ids.ts';
import type { Log } from '../log.ts';
import type { Principal } from '../security/types.ts';
import type { AdmitCall } from '../security/call-limits.ts';
import type { Authorize } from '../security/permissions.ts';
import { describeProblem, problemDetails } from '../schema/validation-problem.ts';
import { ErrorCode, isErrorCode, RpcError } from './errors.ts';
import {
  answerOf,
  errorObjectOf,
  idOf,
  namedParams,
  readRequest,
  responseText,
} from './framing.ts';
import type { Answer, Request } from './framing.ts';
import { parseStrictJson } from './json.ts';
import type { JsonLimits } from './json.ts';
import type { CallableMethods, MethodEntry } from './method-table.ts';
import { createPendingCalls } from './pending-calls.ts';
import { createRefusalLog } from './refusal-log.ts';
import { nearest } from './suggest.ts';
import { cleanText } from '../text.ts';
import type { CallHandler, Dispatcher, Outcome, RpcCall, RpcContext } from './types.ts';
import type { WatchCalls } from './watch.ts';

export interface DispatcherLimits {
  json: JsonLimits;
  /** Most requests in one batch. Default 100. */
  batch: number;
  /** Most calls under way at once, of all callers together. Default 10,000. */
  pending: number;
}

/** A call that was not allowed. */
export type OnRefused = (
  error: { code: number; reason: string },
  method: string,
  params: unknown,
  context: RpcContext,
) => void;

const defaults: DispatcherLimits = { json: {}, batch: 100, pending: 10_000 };

/**
 * JSON-RPC 2.0 between a transport and the methods. A body is answered when every call in it has
 * ended, notifications included, so that a transport that waits for the answer before it reads on
 * never has more under way than it means to.
 */
export function createDispatcher(deps: {
  methods: CallableMethods;
  clock: Clock;
  ids: Ids;
  authorize: Authorize;
  /** Asked before anything else of a call is looked at. */
  mayTake?: AdmitCall;
  /** Told of every call that ends with -32005 or -32006, but of those that `mayTake` refused. */
  onRefused?: OnRefused;
  /** Told of every call. */
  watch?: WatchCalls;
  limits?: Partial<DispatcherLimits>;
  log: Log;
}): Dispatcher {
  const { methods, clock, ids, authorize, mayTake, onRefused, log } = deps;
  const begin = (
    method: string,
    notification: boolean,
    context: RpcContext,
  ): { within: RpcContext; ended: (error?: { code: number }) => void } => {
    const { transport, principal, agent, traceparent } = context;
    const watched = deps.watch?.({
      ...{ method, transport, notification },
      ...(principal && { principal: principal.id }),
      ...(agent !== undefined && { agent }),
      ...(traceparent !== undefined && { traceparent }),
    });
    if (!watched) return { within: context, ended: () => undefined };
    const { traceparent: own } = watched;
    const within = own === undefined ? context : { ...context, traceparent: own };
    return { within, ended: (error) => watched.ended(error) };
  };
  const limits = { ...defaults, ...deps.limits };
  const pending = createPendingCalls({ clock, limit: limits.pending });
  const logRefusal = createRefusalLog({ clock, log });
  const errors: Record<string, number> = {};
  let calls = 0;
  let closed: RpcError | undefined;

  const count = (answer: Answer, what: string, context: RpcContext, params?: unknown): Answer => {
    if (!answer.error) return answer;
    const { code, message, data } = answer.error;
    errors[code] = (errors[code] ?? 0) + 1;
    const who = context.principal?.id ?? 'somebody without a key';
    const { reason, limit } = (data ?? {}) as { reason?: unknown; limit?: unknown };
    const why = typeof reason === 'string' ? reason : message;
    const isRefused = code === ErrorCode.Unauthorized || code === ErrorCode.ResourceExhausted;
    if (isRefused && limit === undefined) onRefused?.({ code, reason: why }, what, params, context);
    logRefusal(
      `${context.transport} ${code} ${who}`,
      `${context.transport}: ${what} from ${who} failed with ${code}: ${why}`,
    );
    return answer;
  };

  /** From a name and params to a call the handler has taken. @throws RpcError if it is not admitted */
  const admit = (
    request: Pick<Request, 'method' | 'params'>,
    notification: boolean,
    context: RpcContext,
    via?: CallHandler,
  ): Promise<Outcome> => {
    if (closed) throw closed;
    const entry = methods.entry(request.method, context.principal);
    requireKey(entry, context);
    if (!entry) throw unknownMethod(request.method, methods, context.principal);
    const { declaration, handler } = entry;
    const params = namedParams(request.params, declaration.params);
    if (context.principal) authorize(declaration, params, context.principal);
    checkParams(entry, params);
    const call: RpcCall = {
      id: ids.uuid(),
      method: declaration.name,
      params,
      principal: context.principal,
      transport: context.transport,
      notification,
      ...(context.address === undefined ? {} : { address: context.address }),
      ...(context.agent === undefined ? {} : { agent: context.agent }),
      ...(context.traceparent === undefined ? {} : { traceparent: context.traceparent }),
      ...(context.session ? { session: context.session } : {}),
    };
    if (context.signal?.aborted) throw takenBack();
    const ended = endedBy(context.signal, pending.open(call, declaration.timeoutMs), () =>
      pending.settle(call.id, { error: takenBack() }),
    );
    try {
      (via ?? handler)(call);
    } catch (error) {
      if (!(error instanceof RpcError)) log.error(`${call.method} failed: ${String(error)}`);
      pending.settle(call.id, { error });
    }
    return ended;
  };

  const outcomeOf = async (admission: () => Promise<Outcome>): Promise<Outcome> => {
    calls += 1;
    try {
      return await admission();
    } catch (error) {
      if (!(error instanceof RpcError)) log.error(`a call failed: ${String(error)}`);
      return { error };
    }
  };

  /** What is answered to something unreadable: that counts as a call too. */
  const orTooMuch = async (
    error: unknown,
    bytes: number,
    context: RpcContext,
  ): Promise<unknown> => {
    try {
      await mayTake?.({ method: 'a message', params: undefined, bytes, context });
      return error;
    } catch (tooMuch) {
      return tooMuch;
    }
  };

  /** The response object's text, or undefined for a notification. */
  const one = async (
    value: unknown,
    context: RpcContext,
    bytes: number,
    via?: CallHandler,
  ): Promise<string | undefined> => {
    let request: Request;
    try {
      request = readRequest(value);
    } catch (error) {
      calls += 1;
      const answer = answerOf({ error: await orTooMuch(error, bytes, context) });
      return responseText(count(answer, 'a request', context), idOf(value));
    }
    const notification = request.id === undefined;
    const { method, params } = request;
    const { within, ended } = begin(method, notification, context);
    const outcome = await outcomeOf(() => {
      const admitted = (): Promise<Outcome> => admit(request, notification, within, via);
      return mayTake ? mayTake({ method, params, bytes, context }).then(admitted) : admitted();
    });
    const answer = count(answerOf(outcome), request.method, context, params);
    ended(answer.error);
    return request.id === undefined ? undefined : responseText(answer, request.id);
  };

  const refuse = (error: unknown, context: RpcContext): string => {
    calls += 1;
    return responseText(count(answerOf({ error }), 'a message', context), null);
  };

  return {
    async handle(body, context, via) {
      let value: unknown;
      try {
        value = parseStrictJson(body, limits.json);
        if (Array.isArray(value)) checkBatch(value, limits.batch);
      } catch (error) {
        return refuse(await orTooMuch(error, body.length, context), context);
      }
      if (!Array.isArray(value)) return one(value, context, body.length, via);
      const share = Math.ceil(body.length / value.length);
      const answers = await Promise.all(value.map((item) => one(item, context, share, via)));
      const spoken = answers.filter((answer) => answer !== undefined);
      return spoken.length === 0 ? undefined : `[${spoken.join(',')}]`;
    },

    refuse,

    async invoke(method, params, context) {
      const { within, ended } = begin(method, false, context);
      const outcome = await outcomeOf(() => admit({ method, params }, false, within));
      if (!('error' in outcome)) {
        ended();
        return outcome.result;
      }
      ended(count(answerOf(outcome), method, context, params).error);
      throw asRpcError(outcome.error);
    },

    settle: (callId, outcome) => pending.settle(callId, outcome),
    find: (callId) => pending.find(callId),
    stats: () => ({
      calls,
      errors: { ...errors },
      pending: pending.size(),
      late_answers: pending.late(),
    }),
    close() {
      closed = new RpcError(ErrorCode.InternalError, 'the hub is closing');
      pending.closeWith(closed);
    },
  };
}

function checkBatch(batch: unknown[], limit: number): void {
  if (batch.length === 0) {
    throw new RpcError(ErrorCode.InvalidRequest, 'a batch must hold at least one request');
  }
  if (batch.length > limit) {
    throw new RpcError(
      ErrorCode.ResourceExhausted,
      `a batch may hold ${limit} requests, this one has ${batch.length}; none of it was done`,
      { max_batch: limit, fix: { split: { at_most: limit } } },
    );
  }
}

/** Without a key nobody learns which methods there are. */
function requireKey(entry: MethodEntry | undefined, context: RpcContext): void {
  if (context.principal || entry?.declaration.open) return;
  throw new RpcError(ErrorCode.Unauthorized, 'a valid key is needed: Authorization: Bearer <key>');
}

function unknownMethod(
  name: string,
  methods: CallableMethods,
  principal: Principal | undefined,
): RpcError {
  const names = principal?.scope ? methods.list(principal).map((one) => one.name) : methods.names();
  const meant = nearest(name, names);
  return new RpcError(
    ErrorCode.MethodNotFound,
    meant === undefined
      ? 'there is no such method; rpc.methods lists them'
      : `there is no such method; did you mean ${meant}?`,
    {
      method: cleanText(name, 128),
      ...(meant === undefined ? {} : { nearest: meant, fix: { method: meant } }),
    },
  );
}

function checkParams({ check }: MethodEntry, params: Record<string, unknown>): void {
  const problems = check(params);
  const first = problems?.[0];
  if (!first) return;
  const why = describeProblem(first, 'params');
  throw new RpcError(ErrorCode.InvalidParams, why, problemDetails(problems));
}

const takenBack = (): RpcError =>
  new RpcError(ErrorCode.CommunicationTimeout, 'the caller took the call back', {
    cancelled: true,
  });

/** Calls `take` when the signal is aborted before the call has ended. */
function endedBy(
  signal: AbortSignal | undefined,
  ended: Promise<Outcome>,
  take: () => void,
): Promise<Outcome> {
  if (!signal) return ended;
  signal.addEventListener('abort', take, { once: true });
  return ended.finally(() => signal.removeEventListener('abort', take));
}

function asRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  const { code, message, data } = errorObjectOf(error);
  const details = typeof data === 'object' && data !== null ? { ...data } : {};
  const reason =
    'reason' in details && typeof details.reason === 'string' ? details.reason : message;
  return new RpcError(isErrorCode(code) ? code : ErrorCode.InternalError, reason, details);
}
