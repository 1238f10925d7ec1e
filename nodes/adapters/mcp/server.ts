import {
  McpServer,
  ProtocolError,
  ResourceNotFoundError,
  type AuthInfo,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { ErrorCode, RpcError, toErrorObject } from '../../core/rpc/errors.ts';
import type { Log } from '../../core/log.ts';
import { cleanText } from '../../core/text.ts';
import { isTraceparent } from '../../core/traceparent.ts';
import type { McpCall, McpCaller, McpHandler, McpSurface } from './types.ts';

const longestAgent = 128;

/** Who a request is from, as it travels through the SDK: not the key that was shown. */
export function authInfoOf(caller: McpCaller): AuthInfo {
  return { token: '', clientId: caller.principal.id, scopes: [], extra: { caller } };
}

export const callerOfAuth = (authInfo: AuthInfo | undefined): McpCaller => {
  const caller = authInfo?.extra?.['caller'];
  if (!caller) throw new Error('a request of MCP has no caller');
  return caller as McpCaller;
};

/** A server of the SDK that answers as the surface does: for one session, or for one request without one. */
export function createServer(deps: {
  surface: McpSurface;
  caller: McpCaller;
  version: string;
  log: Log;
}): McpServer {
  const { surface, caller, version, log } = deps;
  const product = new McpServer(
    { name: 'llm-iot-hub', title: 'LLM-IoT hub', version },
    {
      capabilities: surface.capabilities,
      instructions: surface.instructions(caller.principal),
      ...(surface.verifyState && { requestState: { verify: surface.verifyState } }),
    },
  );
  const { server } = product;
  const answer = (method: string, handler: McpHandler): void => {
    const handle = async (
      request: { params?: Record<string, unknown> },
      ctx: ServerContext,
    ): Promise<object> => {
      try {
        return await handler(request.params ?? {}, callOf(product, ctx));
      } catch (error) {
        throw asProtocolError(method, request.params, error, log);
      }
    };
    // The SDK's types go by method; the surface's handlers are known by name only.
    server.setRequestHandler(method as 'tools/list', handle as never);
  };
  for (const [method, handler] of Object.entries(surface.handlers)) answer(method, handler);
  return product;
}

/* eslint-disable @typescript-eslint/no-deprecated -- they tell both revisions alike, which the envelope does not */
function callOf({ server }: McpServer, ctx: ServerContext): McpCall {
  const caller = callerOfAuth(ctx.http?.authInfo);
  const client = server.getClientVersion();
  const agent = cleanText(client && `${client.name}/${client.version}`, longestAgent);
  const traceparent = ctx.mcpReq._meta?.['traceparent'];
  const elicitation = server.getClientCapabilities()?.elicitation;
  return {
    ...caller,
    ...(agent !== '' && { agent }),
    ...(isTraceparent(traceparent) && { traceparent }),
    ctx,
    // Without a mode named, forms are meant.
    canElicit: elicitation !== undefined && (elicitation.form !== undefined || !elicitation.url),
  };
}
/* eslint-enable @typescript-eslint/no-deprecated */

function asProtocolError(
  method: string,
  params: Record<string, unknown> | undefined,
  error: unknown,
  log: Log,
): Error {
  if (error instanceof ProtocolError) return error;
  if (!(error instanceof RpcError)) log.error(`MCP ${method} failed: ${String(error)}`);
  else if (error.code === ErrorCode.DeviceNotFound && typeof params?.['uri'] === 'string')
    return new ResourceNotFoundError(params['uri']);
  const { code, message, data } = toErrorObject(error);
  const reason = error instanceof RpcError ? `${message}: ${error.reason}` : message;
  return new ProtocolError(code, reason, data);
}
