import type { Node, NodeAPI, NodeDef } from 'node-red';
import { RpcError, toErrorObject } from '../core/rpc/errors.ts';
import type { Principal, Role } from '../core/security/types.ts';
import type { Hub } from './hub.ts';
import type { HubMessage } from './message.ts';

/** A message that is no call comes from the flow itself, which may do everything. */
export const wholeFlow: Principal = { id: 'flow', role: 'llm_admin' };

/** How a hub config node stands; nodes show it as their own status. */
export type HubState =
  { phase: 'starting' } | { phase: 'ready' } | { phase: 'failed'; reason: string };

/** A hub config node as the other nodes see it. */
export interface HubNode extends Node {
  /** Resolves when the hub runs, rejects with the reason when it cannot start. */
  ready: Promise<Hub>;
  /** Calls the listener now and at every change; the answer stops that. */
  onState(listener: (state: HubState) => void): () => void;
}

/** A policy as `rpc in` nodes see it: what it takes away from who may call their method. */
export interface PolicyNode extends Node {
  access: { roles?: readonly Role[]; callsPerMinute?: number };
}

/** What every node of the palette has in its configuration. */
export interface HubNodeDef extends NodeDef {
  hub: string;
}

/** Texts of the hub's shared catalogue (nodes/locales/en-US/hub.json). */
export function translate(RED: NodeAPI, key: string, values: Record<string, string> = {}): string {
  return RED._(`@llm-iot/node-red-hub/hub:llm-iot-hub.status.${key}`, values);
}

/** A status text that fits under a node. */
const short = (text: string): string => (text.length > 60 ? `${text.slice(0, 59)}…` : text);

export interface NodeKit {
  hubNode: HubNode | undefined;
  /** Runs once the hub is there, unless the node was closed before; what it answers runs when the node closes. */
  whenReady(start: (hub: Hub) => (() => void) | undefined): void;
  /** Green dot: all is well. */
  showReady(): void;
  /** Yellow ring: the last message was refused. */
  showRefused(reason: string): void;
  /** Red ring: something is broken. */
  showFailed(reason: string): void;
  /** Red ring until the next deploy, and a line in the log: the node's own configuration is wrong. */
  misconfigured(error: unknown): void;
}

/** The steps all nodes share: find the hub, show how it stands, start and stop with it. */
export function useHub(RED: NodeAPI, node: Node, hubId: string): NodeKit {
  const hubNode = (RED.nodes.getNode(hubId) as HubNode | null) ?? undefined;
  const cleanups: (() => void)[] = [];
  let closed = false;
  let unusable = false;
  let shown = '';
  // Asked for after every message: looking it up each time was 3 % of what a message costs.
  let readyText: string | undefined;

  const show = (
    fill: 'green' | 'yellow' | 'red' | 'grey',
    shape: 'dot' | 'ring',
    text: string,
  ): void => {
    const next = `${fill}${shape}${text}`;
    if (unusable || next === shown) return;
    shown = next;
    node.status({ fill, shape, text: short(text) });
  };
  const kit: NodeKit = {
    hubNode,
    whenReady(start) {
      hubNode?.ready.then(
        (hub) => {
          if (closed) return;
          const stop = start(hub);
          if (stop) cleanups.push(stop);
        },
        () => undefined, // shown as the node's status already
      );
    },
    showReady: () => show('green', 'dot', (readyText ??= translate(RED, 'ready'))),
    showRefused: (reason) => show('yellow', 'ring', translate(RED, 'refused', { reason })),
    showFailed: (reason) => show('red', 'ring', reason),
    misconfigured(error) {
      const reason = error instanceof RpcError ? error.reason : String(error);
      kit.showFailed(reason);
      unusable = true;
      node.error(reason);
    },
  };

  if (!hubNode) {
    kit.showFailed(translate(RED, 'no_hub'));
  } else {
    cleanups.push(
      hubNode.onState((state) => {
        if (state.phase === 'ready') kit.showReady();
        else if (state.phase === 'failed') kit.showFailed(state.reason);
        else show('grey', 'ring', translate(RED, 'starting'));
      }),
    );
  }
  node.on('close', () => {
    closed = true;
    for (const cleanup of cleanups) cleanup();
  });
  return kit;
}

/** Whether anything hangs on an output (Node-RED's own types leave `wires` out). */
function outputIsWired(node: Node, output: number): boolean {
  const { wires } = node as Node & { wires?: string[][] };
  return (wires?.[output]?.length ?? 0) > 0;
}

type Send = (message: HubMessage | (HubMessage | HubMessage[] | null)[]) => void;

export interface InputContext {
  hub: Hub;
  message: HubMessage;
  send: Send;
}

/**
 * Binds a node's input. A refusal (RpcError) goes out of `refusedOutput` as `msg.error`, or to Catch nodes where
 * nothing is wired there; anything else is also an error of the node. `done` is called on every path.
 */
export function onInput(
  node: Node,
  kit: NodeKit,
  refusedOutput: number | undefined,
  handle: (context: InputContext) => Promise<void> | void,
): void {
  node.on('input', (received, send, done) => {
    const message = received as HubMessage;
    const refuse = (error: unknown): void => {
      const refusal = error instanceof RpcError;
      const cause = error instanceof Error ? error : new Error(String(error));
      if (refusal) kit.showRefused(error.reason);
      else kit.showFailed(cause.message);
      const wired = refusedOutput !== undefined && outputIsWired(node, refusedOutput);
      if (wired) {
        const outputs = Array.from<HubMessage | null>({ length: refusedOutput + 1 }).fill(null);
        outputs[refusedOutput] = { ...message, error: toErrorObject(error) };
        (send as Send)(outputs);
      }
      if (refusal && wired) done();
      else done(cause);
    };
    if (!kit.hubNode) {
      refuse(new Error('no hub is chosen'));
      return;
    }
    kit.hubNode.ready
      .then((hub) => handle({ hub, message, send: send }))
      .then(() => done(), refuse);
  });
}

/**
 * A node that is one operation of the hub: the payload goes in, the result comes out of output 1, a refusal out of
 * output 2 (specification section 2.3 for the codes).
 * @param secretNames credentials of the node
 */
export function registerOperation<Def extends HubNodeDef>(
  RED: NodeAPI,
  type: string,
  operate: (
    hub: Hub,
    message: HubMessage,
    def: Def,
    secrets: Record<string, string>,
    node: Node,
  ) => Promise<Partial<HubMessage>> | Partial<HubMessage>,
  secretNames: readonly string[] = [],
): void {
  const password = { type: 'password' } as const;
  RED.nodes.registerType<Node<Record<string, string>>, Def, object, Record<string, string>>(
    type,
    function (this: Node<Record<string, string>>, def: Def) {
      RED.nodes.createNode(this, def);
      const kit = useHub(RED, this, def.hub);
      onInput(this, kit, 1, async ({ hub, message, send }) => {
        const outcome = await operate(hub, message, def, this.credentials, this);
        kit.showReady();
        send({ ...message, ...outcome });
      });
    },
    { credentials: Object.fromEntries(secretNames.map((name) => [name, password])) },
  );
}
