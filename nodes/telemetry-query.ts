import type { NodeAPI } from 'node-red';
import { paramsOf } from './runtime/message.ts';
import { registerOperation, type HubNodeDef } from './runtime/node-kit.ts';

interface TelemetryQueryDef extends HubNodeDef {
  operation: 'query' | 'latest';
}

/** Answers from stored readings: `data.query` (specification section 4.3) and `telemetry.latest`. */
export default function (RED: NodeAPI): void {
  registerOperation<TelemetryQueryDef>(
    RED,
    'llm-iot-telemetry-query',
    async (hub, message, { operation }) => {
      const params = paramsOf(message);
      const principal = message.rpc?.principal;
      return {
        payload:
          operation === 'latest'
            ? hub.latest(params, principal)
            : await hub.query(params, principal),
      };
    },
  );
}
