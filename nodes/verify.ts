import type { NodeAPI } from 'node-red';
import { isObject } from './core/document.ts';
import type { HubMessage } from './runtime/message.ts';
import { registerOperation } from './runtime/node-kit.ts';
import { secretsOfNode, signingSecretNames, textOf } from './runtime/signing-node.ts';

/** Lets a payload pass that is signed by Standard Webhooks, once, and refuses all else. */
export default function (RED: NodeAPI): void {
  registerOperation(
    RED,
    'llm-iot-verify',
    async (hub, message, _def, credentials, node) => {
      await hub.signing.verify(secretsOfNode(credentials), {
        place: `node:${node.id}`,
        signature: signatureOf(message),
        body: textOf(message.payload),
      });
      return {};
    },
    signingSecretNames,
  );
}

/** The three headers of a webhook: of the request that *http in* took, or of the message itself. */
function signatureOf(message: HubMessage): object {
  const { req, headers: own } = message as { req?: { headers?: unknown }; headers?: unknown };
  const headers = req?.headers ?? own;
  const all = isObject(headers) ? headers : {};
  return {
    id: all['webhook-id'],
    timestamp: all['webhook-timestamp'],
    signature: all['webhook-signature'],
  };
}
