import type { NodeAPI } from 'node-red';
import { ErrorCode, RpcError } from './core/rpc/errors.ts';
import { paramsOf } from './runtime/message.ts';
import { registerOperation, type HubNodeDef } from './runtime/node-kit.ts';

interface SubscribeDef extends HubNodeDef {
  operation: 'subscribe' | 'unsubscribe';
}

/** Starts and ends live updates of a WebSocket (specification section 5.1). */
export default function (RED: NodeAPI): void {
  registerOperation<SubscribeDef>(RED, 'llm-iot-subscribe', (hub, message, { operation }) => {
    const session = message.rpc && hub.dispatcher.find(message.rpc.id)?.session;
    if (!session)
      throw new RpcError(
        ErrorCode.InvalidRequest,
        'live updates need a connection to send them on: call this over the WebSocket',
      );
    const params = paramsOf(message);
    return {
      payload:
        operation === 'subscribe'
          ? hub.streams.subscribe(session, params['channels'] as string[])
          : { unsubscribed: hub.streams.unsubscribe(session, params) },
    };
  });
}
