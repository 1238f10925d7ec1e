import type { NodeAPI } from 'node-red';
import { paramsOf } from './runtime/message.ts';
import { registerOperation, type HubNodeDef } from './runtime/node-kit.ts';

interface TelemetryQueryDef extends HubNodeDef {
  operation: 'query' | 'latest' | 'read' | 'history' | 'wait';
}

/** Answers from stored readings: `data.query` (specification section 4.3), `telemetry.latest`, `.read`, `.history`, `.wait`. */
export default function (RED: NodeAPI): void {
  registerOperation<TelemetryQueryDef>(
    RED,
    'llm-iot-telemetry-query',
    async (hub, message, { operation }) => {
      const params = paramsOf(message);
      const principal = message.rpc?.principal;
      const { answers } = hub;
      if (operation === 'latest') return { payload: hub.latest(params, principal) };
      if (operation === 'read') return { payload: answers.read(params, principal) };
      if (operation === 'history') return { payload: await answers.history(params, principal) };
      if (operation === 'wait') return { payload: await answers.wait(params, principal) };
      return { payload: await hub.query(params, principal) };
    },
  );
}
