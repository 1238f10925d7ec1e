import type { Sees } from '../security/scope-rules.ts';
import type { DeviceStore } from './store.ts';
import type { DeviceRecord } from './types.ts';

/** The store as it would be if there were only the devices somebody may know of, as they are at each question. */
export function visibleStore(store: DeviceStore, sees: Sees): DeviceStore {
  const seen = (device: DeviceRecord | undefined): DeviceRecord | undefined =>
    device && sees(device) ? device : undefined;
  const device: DeviceStore['device'] = (id) => seen(store.device(id));
  const target: DeviceStore['target'] = (id) => {
    const found = store.target(id);
    return found && sees(found.device) ? found : undefined;
  };
  const devices = (): DeviceRecord[] => store.devices().filter(sees);
  const sensors: DeviceStore['sensors'] = function* () {
    for (const sensor of store.sensors()) if (device(sensor.mcu_id)) yield sensor;
  };
  const methodOwners: DeviceStore['methodOwners'] = (name) => store.methodOwners(name).filter(sees);
  const methodNames = (): string[] =>
    store.methodNames().filter((name) => methodOwners(name).length > 0);

  return {
    ...store,
    device,
    sensor: (id) => target(id)?.sensor,
    target,
    sensorsOf: (id) => (device(id) ? store.sensorsOf(id) : []),
    byHardware(hardwareId) {
      const id = store.byHardware(hardwareId);
      return id !== undefined && device(id) ? id : undefined;
    },
    methodOwners,
    methodNames,
    devices,
    sensors,
    counts() {
      const all = devices();
      const online = all.filter(({ status }) => status === 'online').length;
      return {
        devices: all.length,
        online,
        offline: all.length - online,
        sensors: [...sensors()].length,
        methods: methodNames().length,
      };
    },
  };
}
