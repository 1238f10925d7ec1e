import type { NodeAPI } from 'node-red';
import { RpcError } from './core/rpc/errors.ts';
import type { Policy } from './core/command/guard.ts';
import { readPolicy } from './core/security/policy.ts';
import type { Role } from './core/security/types.ts';
import { useHub, type HubNodeDef, type PolicyNode } from './runtime/node-kit.ts';

interface PolicyDef extends HubNodeDef {
  /** JSON text: a list of rules. */
  rules: string;
  /** For every command; otherwise for the execute nodes that choose it. */
  always?: boolean;
  /** Who may call the methods of `rpc in` nodes that choose it, of those the node lets in; none is all of them. */
  roles?: Role[];
  /** Calls of one key in any minute; blank is without limit. */
  callsPerMinute?: string | number;
}

/** Safe limits for commands, whoever gives them, and who may call the methods that choose it. A policy that cannot be read lets nothing pass that it is for. */
export default function (RED: NodeAPI): void {
  RED.nodes.registerType('llm-iot-policy', function (this: PolicyNode, def: PolicyDef) {
    RED.nodes.createNode(this, def);
    const callsPerMinute = Number(def.callsPerMinute);
    this.access = {
      ...(def.roles && def.roles.length > 0 && { roles: def.roles }),
      ...(callsPerMinute > 0 && { callsPerMinute }),
    };
    const kit = useHub(RED, this, def.hub);
    const rules = rulesOf(def.rules);
    if (!Array.isArray(rules)) this.error(rules.problem);
    const policy: Policy = { name: def.name || 'policy', always: def.always !== false, rules };
    kit.whenReady((hub) => {
      hub.commands.setPolicy(this.id, policy);
      return undefined;
    });
    this.on('close', (removed: boolean, done: () => void) => {
      // While nodes are exchanged the limits stay, so that no command slips through.
      if (removed) kit.hubNode?.ready.then((hub) => hub.commands.removePolicy(this.id), ignore);
      done();
    });
  });

  RED.httpAdmin.post(
    '/llm-iot/policy/check',
    RED.auth.needsPermission('llm-iot-policy.write'),
    (req, res) => {
      const { rules: text } = req.body as { rules?: unknown };
      const rules = rulesOf(text);
      res.json(Array.isArray(rules) ? { ok: true } : { ok: false, detail: rules.problem });
    },
  );
}

/** The rules in the text of the form, or what is wrong with it. */
function rulesOf(text: unknown): Policy['rules'] {
  try {
    return readPolicy(JSON.parse(typeof text === 'string' && text.trim() ? text : '[]'));
  } catch (error) {
    const reason = error instanceof RpcError ? error.reason : String(error);
    return { problem: `the policy cannot be read: ${reason}` };
  }
}

const ignore = (): void => undefined;
