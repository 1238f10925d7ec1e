import type { JsonSchema } from '../rpc/types.ts';
import type { ValueType } from '../telemetry/types.ts';

export const deviceStatuses = ['online', 'offline'] as const;
export type DeviceStatus = (typeof deviceStatuses)[number];

/** What a device or sensor measures, from its schema, its template, or its first reading. */
export interface MeasurementDeclaration {
  measurement_type: string;
  value_type: ValueType;
  unit?: string;
  /** Inclusive bounds of a believable value. */
  range?: { min?: number; max?: number };
  accuracy?: string;
  /** Fixed by the first reading, not declared by anybody. */
  learned?: boolean;
}

/** What undoes a command; in its arguments `{ "$argument": name }` and `{ "$before": name }` stand for values. */
export interface CommandInverse {
  command: string;
  arguments?: Record<string, unknown>;
}

/** A command a device declares in its static schema or by `device.register_method`. */
export interface CommandDeclaration {
  name: string;
  description?: string;
  /** JSON Schema of the arguments object; absent means unchecked. */
  arguments?: JsonSchema;
  read_only?: boolean;
  destructive?: boolean;
  /** Needs a signature of its caller, and reaches the device with one of the hub. */
  critical?: boolean;
  timeout_ms?: number;
  inverse?: CommandInverse;
  /** Registered by `device.register_method`: callable as a method under its own name. */
  method?: boolean;
}

/** Proof of the firmware a device booted, as it was checked when it registered or resumed last. */
export interface Attestation {
  attested: true;
  /** SHA-256 of the firmware, in hexadecimal. */
  measurement: string;
  /** Id of the vendor's key that signed it. */
  key_id: string;
  /** ISO 8601, by the device. */
  attested_at: string;
}

/** A device as it is stored. JSON, snake_case as in the protocol. */
export interface DeviceRecord {
  device_id: string;
  hardware_id?: string;
  name: string;
  device_type: string;
  manufacturer?: string;
  model?: string;
  firmware_version?: string;
  location?: string;
  labels: Record<string, string>;
  /** Other things people call it, in any language. */
  aliases?: string[];
  static_schema: Record<string, unknown>;
  /** Semantic version of the schema the static schema was validated against. */
  schema_version: string;
  measurements: MeasurementDeclaration[];
  commands: CommandDeclaration[];
  /** Whether the device declared its commands at all; if not, any command name is passed on. */
  commands_declared: boolean;
  /** Absent when it did not attest when it registered or resumed last. */
  attestation?: Attestation;
  /** Last configuration a command reported as applied. */
  applied_config?: Record<string, unknown>;
  /** Names that it marked with `x-sensitive` before and does not now: secret all the same. */
  sensitive?: string[];
  status: DeviceStatus;
  /** What the device last said of its own working, e.g. `{ power_state: 'on' }`. */
  operational_status?: Record<string, unknown>;
  /** ISO 8601. */
  assigned_at: string;
  /** ISO 8601, as of the last stored change of the record. `DeviceRegistry.view` has the live one. */
  last_seen: string;
  heartbeat_interval: number;
  telemetry_interval: number;
}

/** A sensor under an MCU. Its id can stand wherever a device id can in topics, queries and commands. */
export interface SensorRecord {
  sensor_id: string;
  mcu_id: string;
  name: string;
  manufacturer?: string;
  model?: string;
  /** Name and version of the schema template it was matched with, e.g. `bosch-bmp580@1.0.0`. */
  template?: string;
  /** Where on the MCU it sits, e.g. `i2c:0x47`; with model and mcu_id it identifies the sensor when it is discovered again. */
  address?: string;
  static_schema: Record<string, unknown>;
  measurements: MeasurementDeclaration[];
  commands: CommandDeclaration[];
  commands_declared: boolean;
  /** Last configuration a command to this sensor reported as applied. */
  applied_config?: Record<string, unknown>;
  /** As of a device. */
  sensitive?: string[];
  assigned_at: string;
}

/** What an id stands for. */
export interface Target {
  device: DeviceRecord;
  sensor?: SensorRecord;
}
