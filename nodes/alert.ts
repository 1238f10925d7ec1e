import type { NodeAPI } from 'node-red';
import { paramsOf } from './runtime/message.ts';
import { registerOperation, type HubNodeDef } from './runtime/node-kit.ts';
import { raiseRequestOf, type AlertDefaults } from './runtime/alerting.ts';

interface AlertDef extends HubNodeDef, AlertDefaults {
  action: 'raise' | 'acknowledge' | 'clear' | 'list';
}

/** Raises, acknowledges, clears and lists alarms; raising and clearing are published (specification sections 3.3, 5.2). */
export default function (RED: NodeAPI): void {
  registerOperation<AlertDef>(RED, 'llm-iot-alert', async (hub, message, def) => {
    const params = paramsOf(message);
    const principal = message.rpc?.principal;
    if (def.action === 'list')
      return { payload: hub.listAlerts(params, principal, message.rpc?.transport === 'mcp') };
    if (def.action === 'acknowledge')
      return { payload: await hub.acknowledgeAlert(params, principal) };
    const request = raiseRequestOf(message, def);
    return {
      payload:
        def.action === 'clear' ? await hub.clearAlert(request) : await hub.raiseAlert(request),
    };
  });
}
