import type { Node, NodeAPI } from 'node-red';
import type { ApprovalRecord } from './core/command/approval-types.ts';
import { invalidParam, optionalWord } from './core/params.ts';
import { baseUrl } from './runtime/banner.ts';
import type { Hub } from './runtime/hub.ts';
import { paramsOf, type HubMessage } from './runtime/message.ts';
import { onInput, useHub, type HubNodeDef } from './runtime/node-kit.ts';

interface ApproveDef extends HubNodeDef {
  operation: 'asked' | 'decide' | 'grant' | 'deny' | 'get' | 'list';
  /** `asked`: whether each message has links to a page where it is decided. */
  links: boolean;
  /** Public address for the links; blank: where Node-RED listens. */
  url?: string;
}

/** Tells what is asked of people, and takes their word: `approval.list`, `.get`, `.grant`, `.deny`. */
export default function (RED: NodeAPI): void {
  RED.nodes.registerType('llm-iot-approve', function (this: Node, def: ApproveDef) {
    RED.nodes.createNode(this, def);
    const kit = useHub(RED, this, def.hub);
    const tell = async (hub: Hub, record: ApprovalRecord): Promise<void> => {
      const path = def.links ? await hub.approvals.linkOf(record.approval_id) : undefined;
      const base = (def.url?.trim() || baseUrl(RED.settings)).replace(/\/+$/, '');
      const link = path === undefined ? undefined : base + path;
      this.send({
        topic: 'approval.asked',
        payload: {
          ...hub.approvals.queries.show(record),
          // Looking at a link decides nothing: both lead to the page with the two buttons.
          ...(link !== undefined && { links: { grant: link, deny: link } }),
        },
      });
    };
    if (def.operation === 'asked')
      kit.whenReady((hub) =>
        hub.approvals.approvals.listen((record) => {
          if (record.state !== 'pending') return;
          tell(hub, record).catch((error: unknown) => this.error(String(error)));
        }),
      );
    onInput(this, kit, 1, async ({ hub, message, send }) => {
      const payload = await operate(hub, message, def);
      kit.showReady();
      send({ ...message, payload });
    });
  });
}

async function operate(hub: Hub, message: HubMessage, def: ApproveDef): Promise<object> {
  const params = paramsOf(message);
  const principal = message.rpc?.principal;
  const { queries } = hub.approvals;
  const { operation } = def;
  if (operation === 'list') return queries.list(params, principal);
  if (operation === 'get') return queries.get(params, principal);
  const decision =
    operation === 'decide' ? optionalWord(params, 'decision', ['grant', 'deny']) : operation;
  if (decision === undefined)
    throw invalidParam('decision', 'decision is missing; it must be grant or deny', {
      allowed: ['grant', 'deny'],
    });
  if (decision === 'asked')
    throw invalidParam('', 'this node tells of what is asked; another one takes the decision');
  return queries.decide(decision, params, principal, def.name || def.id);
}
