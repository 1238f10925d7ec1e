import type { CanSee } from '../security/scope-rules.ts';
import type { Principal } from '../security/types.ts';
import type { TemplateCandidate } from '../schema/types.ts';
import type {
  DeviceRecord,
  DeviceStatus,
  MeasurementDeclaration,
  SensorRecord,
  Target,
} from './types.ts';

type Params = Record<string, unknown>;

/** How the hub treats devices; intervals in seconds. */
export interface DeviceSettings {
  /** For devices that do not ask for one of their own. */
  heartbeatInterval: number;
  telemetryInterval: number;
  maxDevices: number;
}

/** Answer to `device.register` (specification section 3.1). */
export interface RegistrationResult {
  device_id: string;
  assigned_at: string;
  /** Seconds. */
  heartbeat_interval: number;
  /** Seconds. */
  telemetry_interval: number;
  /** The device's own key; only here, and only when the device is new. */
  api_key?: string;
  /** With which the hub signs critical commands to the device; only here, when it is made. */
  signing_secret?: string;
  resumed?: true;
  /** Last configuration a command reported as applied, for the device to take up again. */
  applied_config?: Record<string, unknown>;
  /** The same of its sensors, by sensor id. */
  sensor_configs?: Record<string, Record<string, unknown>>;
}

/** A device in `device.list`. */
export interface DeviceSummary {
  device_id: string;
  name: string;
  device_type: string;
  manufacturer?: string;
  model?: string;
  location?: string;
  labels: Record<string, string>;
  status: DeviceStatus;
  /** ISO 8601, live. */
  last_seen: string;
  /** What it and its sensors measure. */
  measurement_types: string[];
  sensor_count: number;
}

/** A device in `device.get`: its record with the live `last_seen`, and its sensors. */
export interface DeviceView extends DeviceRecord {
  sensors: SensorRecord[];
}

/** Answer to `sensor.discover` (specification section 3.2). */
export type DiscoveryResult =
  | { sensor_id: string; mcu_id: string; assigned_at: string; template?: string }
  | { candidates: TemplateCandidate[] };

export interface MethodRegistration {
  device_id: string;
  method_name: string;
  registered_at: string;
}

/** Every device and sensor the hub knows; in memory, and durable before anything is answered. */
export interface DeviceRegistry {
  /** Reads what is stored; once, before anything else. */
  load(): Promise<void>;
  /**
   * `device.register`: a new device, or the session of a known one (by `device_id`, hardware id, or the device's own
   * key) resumed. At resuming, what the device says of itself (schema, intervals) is taken over; name, location and
   * labels are not, because a person may have changed them.
   * @throws RpcError -32602 for bad params, -32004 for a bad static schema, -32005 for a known device without its
   * key, -32006 past the limits
   */
  register(params: Params, principal: Principal | undefined): Promise<RegistrationResult>;
  /** @throws RpcError -32000 with the nearest known name or id */
  get(id: unknown): DeviceRecord;
  /** A device with its sensors; a sensor's id shows its MCU. @param field where the id stands @throws RpcError -32000 */
  view(id: unknown, field?: string): DeviceView;
  /**
   * `device.list`, in the order of registration: `{ status?, device_type?, name?, location?, labels?, search?,
   * limit?, cursor? }`. `name`, `location` and `search` match parts, in upper or lower case.
   * @throws RpcError -32602
   */
  list(params: Params): { devices: DeviceSummary[]; cursor?: string };
  /**
   * `device.update`: `{ device_id, name?, location?, labels?, aliases? }`; `location: null` takes it away, labels and
   * aliases are replaced as a whole. @throws RpcError -32000, -32602
   */
  update(params: Params): Promise<DeviceRecord>;
  /** Removes a device with its sensors and keys; its readings are the caller's. @throws RpcError -32000 */
  remove(id: unknown): Promise<{ device: DeviceRecord; sensors: SensorRecord[] }>;
  /** What an id stands for; the same object until something about the device or its sensors changes. */
  resolve(id: string): Target | undefined;
  sensorsOf(deviceId: string): SensorRecord[];
  /** The MCU behind a device or sensor id. */
  ownerOf(id: string): string | undefined;
  /** `sensor.discover`. @throws RpcError -32000, -32004, -32006, -32602 */
  discoverSensor(params: Params): Promise<DiscoveryResult>;
  /** `sensor.list`: `{ device_id? or mcu_id?, model?, measurement_type?, limit?, cursor? }`. @throws RpcError -32000, -32602 */
  listSensors(params: Params): { sensors: SensorRecord[]; cursor?: string };
  /** `device.register_method` (specification section 8.1). @throws RpcError -32000, -32004, -32006, -32602 */
  registerMethod(params: Params): Promise<MethodRegistration>;
  /** Devices that registered a method of this name. */
  methodOwners(name: string): DeviceRecord[];
  /** Names of all methods that devices registered. */
  methodNames(): string[];
  /** Stores measurement types learned for a device or sensor; a type it has already stays as it is. */
  learn(id: string, measurements: readonly MeasurementDeclaration[]): Promise<void>;
  /** Keeps the configuration a device or sensor reported as applied. */
  setAppliedConfig(id: string, config: Record<string, unknown>): Promise<void>;
  /** Keeps the `operational_status` a device sends with its telemetry (specification section 4.1); stored when it changes. */
  setOperationalStatus(deviceId: string, status: Record<string, unknown>): Promise<void>;
  /** Stores a change of status and tells it as an event; no change, no event. */
  setStatus(deviceId: string, status: DeviceStatus, reason?: string): Promise<void>;
  /** Notes that the device gave a sign of life now; in memory only. */
  touch(deviceId: string): void;
  /** Milliseconds since the epoch. */
  lastSeen(deviceId: string): number;
  deviceIds(): Iterable<string>;
  /**
   * The registry as somebody may know it: devices that their scope is not for, and their sensors, are not there, now
   * and at every later question. Without a principal it is the flow itself that asks, which may know of all.
   */
  seenBy(principal: Principal | undefined): DeviceRegistry;
  /** Whether the device or sensor of this id is there for this principal; cheap enough for every update. */
  canSee: CanSee;
  counts(): { devices: number; online: number; offline: number; sensors: number; methods: number };
}
