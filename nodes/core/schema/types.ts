import type { CommandDeclaration, MeasurementDeclaration } from '../device/types.ts';

/** `device`: what an MCU registers with; `sensor`: a template of a kind of sensor. */
export type SchemaKind = 'device' | 'sensor';

/** How a sensor of this kind shows itself on a bus. */
export interface SensorIdentity {
  bus: 'i2c' | 'spi' | 'onewire' | 'uart' | 'analog' | 'gpio' | 'modbus' | 'other';
  /** I2C addresses it can have, as `0x47`. */
  addresses?: string[];
  /** Register that names the chip, and what it holds, as `0x01` and `0x50`. */
  id_register?: { register: string; values: string[] };
  /** 1-Wire family code as `0x28`. */
  family_code?: string;
}

/** One version of a sensor template. */
export interface SensorTemplate {
  kind: 'sensor';
  /** Lower case, manufacturer and model: `bosch-bmp580`. */
  name: string;
  /** Semantic version. */
  version: string;
  manufacturer: string;
  model: string;
  description: string;
  /** Where the figures come from: the datasheet's title and revision. */
  datasheet: string;
  identity: SensorIdentity;
  measurements: MeasurementDeclaration[];
  commands?: CommandDeclaration[];
}

/** One version of a device schema: a JSON Schema 2020-12 for `static_schema`. */
export interface DeviceSchema {
  kind: 'device';
  name: string;
  version: string;
  description: string;
  schema: Record<string, unknown>;
}

export type SchemaRecord = (SensorTemplate | DeviceSchema) & {
  /** ISO 8601; absent from what ships with the hub. */
  registered_at?: string;
  /** Id of the key that registered it. */
  registered_by?: string;
};

/** A guess at what hangs on the bus. */
export interface TemplateCandidate {
  /** `name@version`. */
  template: string;
  name: string;
  manufacturer: string;
  model: string;
  /** 0 to 1: address and chip id agree 1, only the address less the more sensors share it. */
  score: number;
  /** In words, what agrees and what does not. */
  why: string;
  measurements: MeasurementDeclaration[];
}
