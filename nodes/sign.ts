import type { NodeAPI } from 'node-red';
import { signedBody } from './core/command/call-signature.ts';
import { isObject } from './core/document.ts';
import { invalidParam } from './core/params.ts';
import { paramsOf, type HubMessage } from './runtime/message.ts';
import { registerOperation, type HubNodeDef } from './runtime/node-kit.ts';
import { secretsOfNode, signingSecretNames, textOf } from './runtime/signing-node.ts';

interface SignDef extends HubNodeDef {
  what: 'payload' | 'command';
}

/** Signs by Standard Webhooks: a payload that leaves the flow, or a critical command that a flow gives. */
export default function (RED: NodeAPI): void {
  registerOperation<SignDef>(
    RED,
    'llm-iot-sign',
    (hub, message, { what }, credentials) => {
      const secrets = secretsOfNode(credentials);
      if (what === 'command') {
        const params = paramsOf(message);
        const body = signedBody({ method: methodOf(message), params });
        return { payload: { ...params, signature: hub.signing.sign(secrets, body) } };
      }
      const body = bodyOf(message.payload);
      const { id, timestamp, signature } = hub.signing.sign(secrets, body);
      const headers = {
        ...(isObject(message['headers']) && message['headers']),
        'webhook-id': id,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': signature,
      };
      return { payload: body, headers };
    },
    signingSecretNames,
  );
}

/** Which method the command will be given by. */
function methodOf({ payload, topic }: HubMessage): string {
  const { device_ids: ids, command } = isObject(payload) ? payload : {};
  if (command !== undefined) return ids === undefined ? 'device.execute' : 'device.batch_execute';
  if (topic) return topic;
  throw invalidParam('command', 'a command is needed, or the name of a method in msg.topic');
}

/** The payload as text; objects become JSON, which then is the payload, so that what is sent is what was signed. */
function bodyOf(payload: unknown): string {
  const isPlain = typeof payload === 'string' || payload instanceof Uint8Array;
  return isPlain ? textOf(payload) : JSON.stringify(payload ?? null);
}
