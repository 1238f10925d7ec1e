import { esp32 } from './hub-client.ts';

/** What the calls are about. */
export interface CallTargets {
  /** A device that answers the safe command `read`. */
  deviceId: string;
  /** A device nobody needs any longer, and an alarm nobody has seen. */
  spareDevice: () => Promise<string>;
  freshAlert: () => Promise<string>;
  /** A command that waits for its device, and one that was carried out and can be undone. */
  waitingCommand: () => Promise<string>;
  doneCommand: () => Promise<string>;
  /** An approval that nobody has decided on, of a key of its own. */
  freshApproval: () => Promise<string>;
  /** A second key of that device. */
  spareKey: () => Promise<string>;
}

interface RoleCall {
  params: (targets: CallTargets) => object | Promise<object>;
  /** Only a WebSocket can have it. */
  onSocket?: boolean;
}

const ofKey: RoleCall = { params: async ({ spareKey }) => ({ key_id: await spareKey() }) };

const ofCommand = (which: 'waitingCommand' | 'doneCommand'): RoleCall => ({
  params: async (targets) => ({ command_id: await targets[which]() }),
});

const ofApproval: RoleCall = {
  params: async ({ freshApproval }) => ({ approval_id: await freshApproval() }),
};

let made = 0;
const none = { params: () => ({}) };
const ofDevice = (more: object = {}): RoleCall => ({
  params: ({ deviceId }) => ({ device_id: deviceId, ...more }),
});

/** For each method of the shipped flow, and `test.own` of a device, a call that whoever may make it gets a result of. */
export const roleCalls: Record<string, RoleCall> = {
  'alert.acknowledge': { params: async ({ freshAlert }) => ({ alert_id: await freshAlert() }) },
  'alert.list': none,
  'approval.deny': ofApproval,
  'approval.get': ofApproval,
  'approval.grant': ofApproval,
  'approval.list': none,
  'audit.query': none,
  'command.cancel': ofCommand('waitingCommand'),
  'command.get': ofCommand('doneCommand'),
  'command.list': none,
  'command.revert': ofCommand('doneCommand'),
  'comfort.assess': { params: () => ({ temperature: 21, humidity: 50 }) },
  'data.query': {
    params: ({ deviceId }) => ({
      device_ids: [deviceId],
      time_range: { start: '2026-01-01T00:00:00Z', end: '2026-01-02T00:00:00Z' },
    }),
  },
  'device.batch_execute': {
    params: ({ deviceId }) => ({ device_ids: [deviceId], command: 'read' }),
  },
  'device.describe': { params: ({ deviceId }) => ({ device: deviceId, detail: 'full' }) },
  'device.execute': ofDevice({ command: 'read' }),
  'device.find': { params: () => ({ limit: 100, max_bytes: 100_000, detail: 'full' }) },
  'device.get': ofDevice(),
  'device.heartbeat': ofDevice(),
  'device.list': none,
  'device.plan': ofDevice({ command: 'read' }),
  'device.register': { params: () => esp32() },
  'device.register_method': ofDevice({ method_name: 'test.own' }),
  'device.remove': { params: async ({ spareDevice }) => ({ device_id: await spareDevice() }) },
  'device.update': ofDevice({ name: 'renamed' }),
  'hub.backup': none,
  'hub.health': none,
  'hub.info': none,
  'key.create': { params: () => ({ role: 'llm_read', expires_in: 60 }) },
  'key.disable': ofKey,
  'key.enable': ofKey,
  'key.list': none,
  'key.lockdown': { params: () => ({ active: false }) },
  'key.revoke': ofKey,
  'key.rotate': ofKey,
  'key.signing_secret': ofKey,
  'name.resolve': { params: ({ deviceId }) => ({ phrase: deviceId }) },
  'rpc.discover': none,
  'rpc.methods': none,
  'schema.get': { params: () => ({ name: 'mcu' }) },
  'schema.list': none,
  'schema.register': {
    params: () => ({
      kind: 'device',
      name: `made-${(made += 1)}`,
      version: '1.0.0',
      description: 'Made by a test',
      schema: { type: 'object' },
    }),
  },
  'sensor.discover': {
    params: ({ deviceId }) => ({ mcu_id: deviceId, scan: { bus: 'i2c', address: '0x47' } }),
  },
  'sensor.list': { params: ({ deviceId }) => ({ mcu_id: deviceId }) },
  subscribe: {
    params: ({ deviceId }) => ({ channels: [`device.${deviceId}.events`] }),
    onSocket: true,
  },
  'telemetry.history': { params: ({ deviceId }) => ({ device: deviceId }) },
  'telemetry.latest': ofDevice(),
  'telemetry.read': { params: ({ deviceId }) => ({ device: deviceId }) },
  'telemetry.update': ofDevice({
    data: { live_readings: [{ measurement_type: 'temperature', value: 20, unit: 'celsius' }] },
  }),
  // Every reading there was is above this.
  'telemetry.wait': {
    params: ({ deviceId }) => ({
      device: deviceId,
      measurement: 'temperature',
      until: { above: -300 },
      timeout_s: 1,
    }),
  },
  'test.own': ofDevice(),
  unsubscribe: {
    params: ({ deviceId }) => ({ channels: [`device.${deviceId}.events`] }),
    onSocket: true,
  },
};
