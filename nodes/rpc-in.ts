import type { Node, NodeAPI } from 'node-red';
import type { JsonSchema, MethodDeclaration, RpcCall } from './core/rpc/types.ts';
import type { Role } from './core/security/types.ts';
import { messageOfCall } from './runtime/message.ts';
import { useHub, type HubNodeDef, type PolicyNode } from './runtime/node-kit.ts';

interface RpcInDef extends HubNodeDef {
  method: string;
  description: string;
  /** JSON text. */
  params: string;
  /** JSON text. */
  result: string;
  roles: Role[];
  readOnly: boolean;
  destructive: boolean;
  /** Flows from before there were tools have none of these three. */
  idempotent?: boolean;
  tool?: boolean;
  title?: string;
  /** Seconds. */
  timeout: string | number;
  /** Serves the methods that devices registered, instead of one of its own. */
  deviceMethods: boolean;
  open: boolean;
  /** Id of a policy that narrows who may call it; flows from before there were policies have none. */
  policy?: string;
}

/** Declares one JSON-RPC method: what is wired to it up to an `rpc-out` is the method. */
export default function (RED: NodeAPI): void {
  RED.nodes.registerType('llm-iot-rpc-in', function (this: Node, def: RpcInDef) {
    RED.nodes.createNode(this, def);
    const kit = useHub(RED, this, def.hub);
    const take = (call: RpcCall): void => this.send(messageOfCall(call));
    kit.whenReady((hub) => {
      try {
        const declaration = declarationOf(def, accessOf(RED, def));
        return def.deviceMethods
          ? hub.serveDeviceMethods(declaration, take)
          : hub.methods.declare(declaration, take);
      } catch (error) {
        kit.misconfigured(error);
        return undefined;
      }
    });
  });
}

/** @throws Error when the policy that was chosen is not there: without it too many could call */
function accessOf(RED: NodeAPI, { policy }: RpcInDef): PolicyNode['access'] {
  if (!policy) return {};
  const node = RED.nodes.getNode(policy) as PolicyNode | null;
  if (!node) throw new Error('the policy of this method is not there');
  return node.access;
}

function declarationOf(def: RpcInDef, access: PolicyNode['access']): MethodDeclaration {
  const { roles: admitted = def.roles, callsPerMinute } = access;
  return {
    name: def.method,
    description: def.description,
    params: parseSchema(def.params),
    result: parseSchema(def.result),
    roles: def.roles.filter((role) => admitted.includes(role)),
    ...(callsPerMinute !== undefined && { callsPerMinute }),
    readOnly: def.readOnly,
    destructive: def.destructive,
    ...(def.idempotent && { idempotent: true }),
    ...(def.tool && { tool: true }),
    ...(def.title?.trim() && { title: def.title.trim() }),
    timeoutMs: (Number(def.timeout) || 10) * 1000,
    open: def.open,
  };
}

function parseSchema(text: string): JsonSchema {
  return text.trim() ? (JSON.parse(text) as JsonSchema) : {};
}
