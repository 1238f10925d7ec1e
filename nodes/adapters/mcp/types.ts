import type { McpServer, ServerCapabilities, ServerContext } from '@modelcontextprotocol/server';
import type { Principal } from '../../core/security/types.ts';

/** Who asks over MCP. */
export interface McpCaller {
  principal: Principal;
  /** IP address of the peer. */
  address: string;
  /** What program it says it is, such as `claude-desktop/1.2`. */
  agent?: string;
  traceparent?: string;
}

/** One request of a client. */
export interface McpCall extends McpCaller {
  ctx: ServerContext;
  /** Whether the client can ask the person in front of it. */
  canElicit: boolean;
}

/** Answers one method of MCP. @throws RpcError, or the SDK's ProtocolError */
export type McpHandler = (params: Record<string, unknown>, call: McpCall) => Promise<object>;

/** What the server can do, and what answers each method. */
export interface McpSurface {
  capabilities: ServerCapabilities;
  instructions(principal: Principal): string;
  handlers: Readonly<Record<string, McpHandler>>;
  /** A server for one connection or one request. */
  verifyState?: (state: string, ctx: ServerContext) => Promise<unknown>;
}

export type { McpServer };

/** What a client can be told of without having asked; a resource is named by its URI. */
export type McpChange = 'tools' | 'resources' | 'prompts' | { uri: string };
