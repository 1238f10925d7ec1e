import {
  ProtocolError,
  ProtocolErrorCode,
  type CallToolResult,
  type Tool,
} from '@modelcontextprotocol/server';
import type { Clock } from '../../core/clock.ts';
import { isObject } from '../../core/document.ts';
import { toErrorObject } from '../../core/rpc/errors.ts';
import { nearest } from '../../core/rpc/suggest.ts';
import type {
  Dispatcher,
  MethodDeclaration,
  MethodTable,
  RpcContext,
} from '../../core/rpc/types.ts';
import type { Principal } from '../../core/security/types.ts';
import {
  inputSchemaOf,
  outputSchemaOf,
  toolNamed,
  toolsFor,
  type ToolMethod,
} from '../../core/tool/tools.ts';
import type { Confirmation } from './confirmation.ts';
import type { McpCall, McpHandler } from './types.ts';

/** So often a client that gave a token for it hears that its call is still under way. */
const progressMs = 1_000;

/** `tools/list` and `tools/call`: each tool is a method, called with the rights of who asks. */
export function createTools(deps: {
  methods: MethodTable;
  dispatcher: Dispatcher;
  clock: Clock;
  confirmation: Confirmation;
}): Record<'tools/list' | 'tools/call', McpHandler> {
  const { methods, dispatcher, clock, confirmation } = deps;

  const mustFind = (name: unknown, principal: Principal): ToolMethod => {
    const tool = typeof name === 'string' ? toolNamed(methods, name) : undefined;
    if (tool) return tool;
    const names = toolsFor(methods, principal).map((known) => known.name);
    const meant = typeof name === 'string' ? nearest(name, names) : undefined;
    const hint = meant === undefined ? 'tools/list tells all' : `did you mean ${meant}?`;
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, `there is no such tool; ${hint}`);
  };

  return {
    'tools/list': (_params, { principal }) =>
      Promise.resolve({ tools: toolsFor(methods, principal).map(definitionOf) }),

    async 'tools/call'(params, call) {
      const { declaration } = mustFind(params['name'], call.principal);
      const args = isObject(params['arguments']) ? params['arguments'] : {};
      const stopTelling = tellProgress(call, clock, declaration.timeoutMs);
      const invoke = (): Promise<unknown> =>
        dispatcher.invoke(declaration.name, args, contextOf(call));
      try {
        return await confirmation.confirmed(
          { method: declaration.name, args, call, invoke },
          {
            done: resultOf,
            failed: (error) => errorOf(error, declaration),
          },
        );
      } finally {
        stopTelling();
      }
    },
  };
}

/** As the dispatcher takes a call. */
export const contextOf = ({
  principal,
  address,
  agent,
  traceparent,
  ctx,
}: McpCall): RpcContext => ({
  principal,
  transport: 'mcp',
  address,
  ...(agent !== undefined && { agent }),
  ...(traceparent !== undefined && { traceparent }),
  signal: ctx.mcpReq.signal,
});

function definitionOf({ name, declaration }: ToolMethod): Tool {
  const { title, description, readOnly, destructive, idempotent = false } = declaration;
  const outputSchema = outputSchemaOf(declaration);
  return {
    name,
    ...(title !== undefined && { title }),
    description,
    inputSchema: inputSchemaOf(declaration),
    ...(outputSchema && { outputSchema }),
    annotations: {
      ...(title !== undefined && { title }),
      readOnlyHint: readOnly,
      destructiveHint: !readOnly && destructive,
      idempotentHint: readOnly || idempotent,
      // What answers is this hub with its devices, and nothing beyond.
      openWorldHint: false,
    },
  };
}

/** The whole result as structured content; as text the hub's own summary first, for who reads nothing else. */
function resultOf(result: unknown): CallToolResult {
  const structuredContent = isObject(result) ? result : { result: result ?? null };
  const { summary } = structuredContent as { summary?: unknown };
  const text = JSON.stringify(structuredContent);
  return {
    content: [
      ...(typeof summary === 'string' ? [{ type: 'text' as const, text: summary }] : []),
      { type: 'text', text },
    ],
    structuredContent,
  };
}

/**
 * An error a model can read and repair: a result, because errors of the protocol never reach the model. As structured
 * content only where no schema of the result was told: clients hold an error against it, too, and throw it away.
 */
function errorOf(error: unknown, declaration: MethodDeclaration): CallToolResult {
  const { code, message, data } = toErrorObject(error);
  const told = { code, message, ...(isObject(data) ? data : {}) };
  return {
    content: [{ type: 'text', text: JSON.stringify(told) }],
    ...(!outputSchemaOf(declaration) && { structuredContent: { error: told } }),
    _meta: { error: told },
    isError: true,
  };
}

function tellProgress({ ctx }: McpCall, clock: Clock, timeoutMs: number): () => void {
  const progressToken = ctx.mcpReq._meta?.progressToken;
  if (progressToken === undefined) return () => undefined;
  const began = clock.elapsed();
  let cancel = (): void => undefined;
  const tell = (): void => {
    const seconds = (clock.elapsed() - began) / 1_000;
    const params = {
      progressToken,
      progress: Math.round(seconds * 10) / 10,
      total: timeoutMs / 1_000,
      message: `waiting since ${Math.round(seconds)} s`,
    };
    // Who left needs no progress.
    ctx.mcpReq.notify({ method: 'notifications/progress', params }).catch(() => undefined);
    cancel = clock.after(progressMs, tell);
  };
  cancel = clock.after(progressMs, tell);
  return () => cancel();
}
