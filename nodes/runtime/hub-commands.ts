import type { Clock } from '../core/clock.ts';
import type { Approvals } from '../core/command/approvals.ts';
import { createCommandExecutor } from '../core/command/executor.ts';
import { createCommandGuard } from '../core/command/guard.ts';
import type { CommandRecorder } from '../core/command/on-record.ts';
import type { CommandExecutor, CommandSettings } from '../core/command/ports.ts';
import type { CommandRecord } from '../core/command/types.ts';
import type { DeviceRegistry } from '../core/device/ports.ts';
import type { Emitter, HubEvents } from '../core/events.ts';
import type { Ids } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import type { Resolver } from '../core/naming/types.ts';
import type { RecordStore } from '../core/records.ts';
import type { AuditTrail } from '../core/security/audit.ts';
import type { Streams } from '../core/stream/types.ts';
import type { TelemetryStore } from '../core/telemetry/ports.ts';
import type { StartSpan } from '../core/trace.ts';
import type { MqttLink } from '../core/topic/ports.ts';
import { createMqttDeviceLink } from './device-link.ts';
import type { Stands } from './hub-authentication.ts';
import type { HubSigning } from './hub-signing.ts';

/**
 * The commands of a hub over MQTT, with what stands between everybody and the devices, and their live channels. What
 * waited for its device from before waits until `release`: the policies are nodes of the flows.
 */
export async function createHubCommands(deps: {
  devices: DeviceRegistry;
  mqtt: MqttLink;
  store: Pick<TelemetryStore, 'latest'>;
  approvals: Approvals;
  signing: Pick<HubSigning, 'signCommand' | 'requireSignature'>;
  stands: Stands;
  streams: Streams;
  records: RecordStore;
  recorder: CommandRecorder;
  audit: AuditTrail;
  events: Emitter<HubEvents>;
  settings: CommandSettings;
  clock: Clock;
  ids: Ids;
  log: Log;
  startSpan: StartSpan;
  naming: Pick<Resolver, 'resolveDevices'>;
}): Promise<CommandExecutor> {
  const { devices, mqtt, store, signing, streams, audit, events, clock } = deps;
  const { records, recorder, stands, settings, ids, log, startSpan } = deps;
  const commands = createCommandExecutor({
    registry: devices,
    link: () => createMqttDeviceLink(mqtt, signing.signCommand),
    guard: createCommandGuard({
      ...{ registry: devices, store, audit, clock },
      requireSignature: signing.requireSignature,
    }),
    ...{
      approvals: deps.approvals,
      records,
      recorder,
      stands,
      settings,
      clock,
      ids,
      log,
      startSpan,
    },
    resolvePhrase: (principal) => (phrase, field) =>
      deps.naming
        .resolveDevices(phrase, principal, field)
        .map(({ device_id, sensor_id }) => commandable(devices, device_id, sensor_id)),
    latest: (id) => store.latest([id]),
    onChange: (record) => tellChange(streams, record, clock.now()),
  });
  commands.hold();
  await commands.load();
  events.on('online', ({ device }) => commands.wake(device.device_id));
  events.on('resumed', ({ device }) => commands.wake(device.device_id));
  events.on('removed', ({ device }) => commands.forget(device.device_id));
  return commands;
}

/** Who is commanded: the sensor that words mean, if it has commands of its own, else its device. */
function commandable(devices: DeviceRegistry, deviceId: string, sensorId?: string): string {
  const commands = sensorId === undefined ? [] : devices.resolve(sensorId)?.sensor?.commands;
  return sensorId !== undefined && commands?.length ? sensorId : deviceId;
}

/** Tells of a new command, or a change of its state, on `device.{id}.commands`: no arguments, no results, nobody's words. */
function tellChange(streams: Streams, record: CommandRecord, now: number): void {
  const { command_id, device_id, sensor_id, command, state, expires_at, reverts, error } = record;
  if (!streams.wanted(device_id, 'commands') && sensor_id === undefined) return;
  const change = {
    ...{ command_id, device_id },
    ...(sensor_id !== undefined && { sensor_id }),
    ...{ command, state },
    ...(state === 'queued' && expires_at !== undefined && { expires_at }),
    ...(reverts !== undefined && { reverts }),
    ...(error && { code: error.code }),
  };
  streams.publish(device_id, 'commands', change, now);
  if (sensor_id !== undefined) streams.publish(sensor_id, 'commands', change, now, 'named');
}
