import type { NodeAPI } from 'node-red';
import { showDevice, showDevices, showSensors } from './core/device/show.ts';
import { describeDevice, type NewestReading } from './core/naming/describe-device.ts';
import { findDevices } from './core/naming/find.ts';
import { paramsOf } from './runtime/message.ts';
import { registerOperation, type HubNodeDef } from './runtime/node-kit.ts';

interface DeviceQueryDef extends HubNodeDef {
  operation: 'list' | 'get' | 'sensors' | 'find' | 'describe';
}

/** Finds devices and sensors: `device.list`, `device.get`, `sensor.list`, and in plain words `device.find`, `device.describe`. */
export default function (RED: NodeAPI): void {
  registerOperation<DeviceQueryDef>(RED, 'llm-iot-device-query', (hub, message, { operation }) => {
    const params = paramsOf(message);
    const principal = message.rpc?.principal;
    const devices = hub.devices.seenBy(principal);
    const { naming: resolver } = hub;
    if (operation === 'find')
      return { payload: findDevices({ resolver, devices: hub.devices }, params, principal) };
    if (operation === 'describe') {
      const latest = (device_id: string): readonly NewestReading[] =>
        (hub.latest({ device_id }, principal) as { readings: NewestReading[] }).readings;
      return {
        payload: describeDevice({ resolver, devices: hub.devices, latest }, params, principal),
      };
    }
    if (operation === 'list') return { payload: showDevices(devices.list(params)) };
    if (operation === 'sensors')
      return { payload: showSensors(devices.listSensors(params), principal) };
    return { payload: showDevice(devices.view(params['device_id']), principal) };
  });
}
