import type { NodeAPI } from 'node-red';
import { showDevice } from './core/device/show.ts';
import { paramsOf } from './runtime/message.ts';
import { registerOperation, type HubNodeDef } from './runtime/node-kit.ts';

interface DeviceUpdateDef extends HubNodeDef {
  operation: 'update' | 'remove';
}

/** Changes what people call a device, or removes it: `device.update`, `device.remove`. */
export default function (RED: NodeAPI): void {
  registerOperation<DeviceUpdateDef>(
    RED,
    'llm-iot-device-update',
    async (hub, message, { operation }) => {
      const params = paramsOf(message);
      const devices = hub.devices.seenBy(message.rpc?.principal);
      return {
        payload:
          operation === 'remove'
            ? await hub.removeDevice(devices.get(params['device_id']).device_id)
            : showDevice(await devices.update(params), message.rpc?.principal),
      };
    },
  );
}
