import type { NodeAPI } from 'node-red';
import { paramsOf } from './runtime/message.ts';
import { registerOperation } from './runtime/node-kit.ts';

/** Finds what is on record, newest first. */
export default function (RED: NodeAPI): void {
  registerOperation(RED, 'llm-iot-audit-query', async (hub, message) => ({
    payload: await hub.queryAudit(paramsOf(message)),
  }));
}
