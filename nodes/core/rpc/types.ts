import type { Principal, Role } from '../security/types.ts';
import type { StreamSession } from '../stream/types.ts';
import type { RpcError } from './errors.ts';

/** A JSON Schema (2020-12) as a parsed document. */
export type JsonSchema = Record<string, unknown>;

export type Transport = 'http' | 'websocket' | 'mqtt' | 'mcp' | 'flow';

/** One JSON-RPC method as an `rpc-in` node declares it. */
export interface MethodDeclaration {
  name: string;
  description: string;
  /** Schema of params by name. Positional params are mapped to `properties` in their order. */
  params: JsonSchema;
  /** Schema of the result, for the method list; results are not checked against it. */
  result?: JsonSchema;
  /** Which roles may call it; `llm_admin` may call everything. */
  roles: readonly Role[];
  /** Most calls of one principal in any minute; without it there is no limit of its own. */
  callsPerMinute?: number;
  /** Changes nothing. */
  readOnly: boolean;
  /** May destroy something or move something in the world. */
  destructive: boolean;
  /** Called again with the same params, it has no further effect. */
  idempotent?: boolean;
  /** Is offered to language models as a tool. */
  tool?: boolean;
  /** What people are shown instead of the name. */
  title?: string;
  /** Milliseconds until a call that nobody answers ends with -32003. */
  timeoutMs: number;
  /** Set for a method that devices registered: which of them (50 at most), and what they say of it themselves. */
  device?: { device_ids: string[]; description?: string };
  /** Needs no key (only `hub.health`). */
  open?: boolean;
  /** What the method is to somebody, where that depends on devices: undefined if they may know of none that offers it. */
  seenBy?: (principal: Principal) => MethodDeclaration | undefined;
}

/** A call under way, from its admission until it is settled. */
export interface RpcCall {
  /** The hub's own id of this call (not the caller's JSON-RPC id); it is `msg.rpc.id` on the wires. */
  id: string;
  method: string;
  params: Record<string, unknown>;
  /** Absent only in calls of an open method without a key. */
  principal: Principal | undefined;
  transport: Transport;
  /** IP address of the caller, where there is one. */
  address?: string;
  /** What program the caller says it is, such as `claude-desktop/1.2`; anybody can say anything. */
  agent?: string;
  /** The caller's place in a trace (W3C Trace Context). */
  traceparent?: string;
  /** The caller wants no answer. */
  notification: boolean;
  /** Where stream updates of the caller go; only WebSocket has one. */
  session?: StreamSession;
}

/** Takes a call that was admitted; the answer comes later through `Dispatcher.settle`. */
export type CallHandler = (call: RpcCall) => void;

/** Who calls and by what way. */
export interface RpcContext {
  principal: Principal | undefined;
  transport: Transport;
  /** IP address of the peer, where there is one. */
  address?: string;
  /** What program the peer says it is. */
  agent?: string;
  /** The peer's place in a trace (W3C Trace Context). */
  traceparent?: string;
  session?: StreamSession;
  /** Aborted when the peer waits for the answer no more; the call ends then, and what comes of it counts as late. */
  signal?: AbortSignal;
}

/** How a call ended. */
export type Outcome = { result: unknown } | { error: unknown };

/** The methods that exist now. Names are unique: declaring a name twice throws. */
export interface MethodTable {
  /** Declares a method; the answer withdraws it. Throws RpcError -32602 if the name is taken or a schema is unusable. */
  declare(declaration: MethodDeclaration, handler: CallHandler): () => void;
  get(name: string): MethodDeclaration | undefined;
  /** Declarations, sorted by name, that this principal may call. */
  list(principal: Principal | undefined): MethodDeclaration[];
  names(): string[];
  /** Called after every declare and withdraw. */
  onChange(listener: () => void): () => void;
}

/** JSON-RPC 2.0 from bytes to bytes; everything between admission and settling happens elsewhere. */
export interface Dispatcher {
  /**
   * Handles one body (a request, a notification or a batch) and resolves with the text to send
   * back, or undefined where JSON-RPC wants silence. Never rejects.
   * @param via takes the admitted calls instead of the methods' own handlers (the MQTT announce topic does)
   */
  handle(
    body: Uint8Array | string,
    context: RpcContext,
    via?: CallHandler,
  ): Promise<string | undefined>;
  /** Counts and logs a message that the transport could not even read; the text to send back. */
  refuse(error: RpcError, context: RpcContext): string;
  /** Calls one method from inside; rejects with RpcError. */
  invoke(method: string, params: Record<string, unknown>, context: RpcContext): Promise<unknown>;
  /** Ends a call; false if it is unknown or has ended (late answers are counted, never delivered). */
  settle(callId: string, outcome: Outcome): boolean;
  /** The call under way with this id. */
  find(callId: string): RpcCall | undefined;
  /** Counts since start, for `hub.info`. */
  stats(): { calls: number; errors: Record<string, number>; pending: number; late_answers: number };
  /** Ends every pending call with -32603 and its timers. */
  close(): void;
}
