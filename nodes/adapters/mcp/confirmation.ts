import { randomBytes } from 'node:crypto';
import {
  createRequestStateCodec,
  inputRequired,
  inputResponse,
  type CallToolResult,
  type InputRequiredResult,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { ErrorCode, RpcError } from '../../core/rpc/errors.ts';
import { cleanText } from '../../core/text.ts';
import type { McpCall, McpCaller } from './types.ts';

/** What waits for a person's word. */
export interface Approvals {
  /** What is to be approved, in a sentence for a person; undefined if there is no such approval. */
  question(approvalId: string): string | undefined;
  /** @throws RpcError when it does not wait any more */
  grant(approvalId: string, through: McpCaller): Promise<void>;
  deny(approvalId: string, through: McpCaller): Promise<void>;
}

/** A call that may need somebody's word. */
export interface ConfirmableCall {
  method: string;
  args: Record<string, unknown>;
  call: McpCall;
  invoke: () => Promise<unknown>;
}

/** Calls a tool, and where it is refused for want of a person's word, has the client ask for it. */
export interface Confirmation {
  confirmed(
    call: ConfirmableCall,
    to: { done: (result: unknown) => CallToolResult; failed: (error: unknown) => CallToolResult },
  ): Promise<CallToolResult | InputRequiredResult>;
  verifyState(state: string, ctx: ServerContext): Promise<unknown>;
}

/** What the client hands back with the answer; signed, and good for the same caller and method only. */
interface State {
  approval_id: string;
  method: string;
}

const question = 'confirmation';
const longestArguments = 1_000;
const longestReason = 500;
/** As long a person may think. */
const answerSeconds = 600;

/** @param approvals without them nobody is asked, and the refusal is the answer */
export function createConfirmation(approvals: Approvals | undefined): Confirmation {
  const codec = createRequestStateCodec<State>({
    key: randomBytes(32),
    ttlSeconds: answerSeconds,
    bind: ({ mcpReq, http }) => `${mcpReq.method}\0${http?.authInfo?.clientId ?? ''}`,
  });

  const ask = async (
    { method, args, call }: ConfirmableCall,
    error: RpcError,
    approvalId: string,
  ): Promise<InputRequiredResult> => {
    const asked = approvals?.question(approvalId);
    const what = asked ?? `${method} ${cleanText(JSON.stringify(args), longestArguments)}`;
    const reason = cleanText(error.reason, longestReason);
    const confirm = { type: 'boolean' as const, title: 'Do it', default: false };
    return inputRequired({
      inputRequests: {
        [question]: inputRequired.elicit({
          message: `May this be done? ${what} (${reason})`,
          requestedSchema: {
            type: 'object',
            properties: { confirm },
            required: ['confirm'],
          },
        }),
      },
      requestState: await codec.mint({ approval_id: approvalId, method }, call.ctx),
    });
  };

  /** Passes the person's word on. @throws RpcError -32005 when it was no */
  const takeAnswer = async ({ method, call }: ConfirmableCall): Promise<void> => {
    const { mcpReq } = call.ctx;
    const state = mcpReq.requestState<State>();
    const answer = inputResponse(mcpReq.inputResponses, question);
    if (!approvals || state?.method !== method || answer.kind !== 'elicit') return;
    const { approval_id: id } = state;
    if (answer.action === 'accept' && answer.content?.['confirm'] === true) {
      await approvals.grant(id, call);
      return;
    }
    // Who only closed the question has decided nothing: it can still be granted elsewhere.
    if (answer.action !== 'cancel') await approvals.deny(id, call);
    const reason =
      answer.action === 'cancel'
        ? 'the person who was asked did not answer'
        : 'the person who was asked said no';
    throw new RpcError(ErrorCode.Unauthorized, reason, {
      approval_id: id,
      suggestions: ['do not repeat it; tell the person that nothing was done'],
      retryable: false,
    });
  };

  return {
    async confirmed(asked, { done, failed }) {
      try {
        await takeAnswer(asked);
        return done(await asked.invoke());
      } catch (error) {
        const approvalId = approvalOf(error);
        const wasAsked = asked.call.ctx.mcpReq.inputResponses?.[question] !== undefined;
        if (approvalId === undefined || !approvals || wasAsked || !asked.call.canElicit)
          return failed(error);
        return ask(asked, error as RpcError, approvalId);
      }
    },
    verifyState: (state, ctx) => codec.verify(state, ctx),
  };
}

/** The approval that a refusal says it waits for. */
function approvalOf(error: unknown): string | undefined {
  if (!(error instanceof RpcError) || error.code !== ErrorCode.Unauthorized) return undefined;
  const { approval_id: id, confirm_by: ways, state = 'pending' } = error.details;
  // Nobody is asked again who has decided.
  if (state !== 'pending') return undefined;
  // Some need the word of a person by another way.
  if (Array.isArray(ways) && !ways.includes('elicitation')) return undefined;
  return typeof id === 'string' ? id : undefined;
}
