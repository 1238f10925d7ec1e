import type { Node, NodeAPI } from 'node-red';
import type { AuditAction, AuditEvent } from './core/security/audit.ts';
import { useHub, type HubNodeDef } from './runtime/node-kit.ts';

interface AuditEventDef extends HubNodeDef {
  /** Which to tell; none means all of them. */
  actions: AuditAction[];
  outcomes: AuditEvent['outcome'][];
}

/** A source: tells what goes on record at the moment it happens, also what is counted together on disk. */
export default function (RED: NodeAPI): void {
  RED.nodes.registerType('llm-iot-audit-event', function (this: Node, def: AuditEventDef) {
    RED.nodes.createNode(this, def);
    const kit = useHub(RED, this, def.hub);
    const actions = new Set(def.actions);
    const outcomes = new Set(def.outcomes);
    kit.whenReady((hub) =>
      hub.audit.listen((event) => {
        if (actions.size > 0 && !actions.has(event.action)) return;
        if (outcomes.size > 0 && !outcomes.has(event.outcome)) return;
        this.send({ topic: event.action, payload: structuredClone(event) });
      }),
    );
  });
}
