import type { CommandDeclaration, MeasurementDeclaration } from '../device/types.ts';
import type { SchemaKind, SchemaRecord, TemplateCandidate } from './types.ts';

/**
 * What an MCU sees of a part it does not know. Numbers may be written `0x47`, `47h` or `71`
 * (decimal), or be numbers.
 */
export interface BusScan {
  /** `i2c`, `spi`, `onewire`, `uart`, `analog`, `gpio`, `modbus` or `other`, in any usual spelling. */
  bus: string;
  /** I2C address, or the 1-Wire ROM (`28-000005e2fdc3`). */
  address?: string | number;
  /** What the id register held. */
  chip_id?: string | number;
  /** Which register `chip_id` was read from; absent means the one the candidate documents. */
  register?: string | number;
  /** 1-Wire family code. */
  family_code?: string | number;
}

/** What a device or sensor declared, after checking. */
export interface Declarations {
  measurements: MeasurementDeclaration[];
  commands: CommandDeclaration[];
  /** Whether commands were declared at all; if not, any command name is passed on. */
  commands_declared: boolean;
}

/** A device's static schema, checked. */
export interface CheckedDevice extends Declarations {
  /**
   * Semantic version of the schema it was checked against: the one that `static_schema.schema`
   * names (`name` or `name@version`), else the hub's own `mcu`.
   */
  schema_version: string;
}

/** A sensor's static schema, checked and completed from its template. */
export interface CheckedSensor extends Declarations {
  /** `name@version` of the template that describes this sensor, if there is one. */
  template?: string;
  /** Where on its MCU it sits: `i2c:0x47`, `spi:cs5`, `onewire:28-000005e2fdc3`. */
  address?: string;
}

/** Which schemas `schema.list` shows; what is absent does not restrict. */
export interface SchemaFilter {
  kind?: SchemaKind;
  /** Compared without case and punctuation. */
  manufacturer?: string;
  /** Compared without case and punctuation. */
  model?: string;
  bus?: string;
  measurement_type?: string;
  /** Schemas per page, 1 to 500, 100 if absent. */
  limit?: number;
  /** From the page before. */
  cursor?: string;
}

/** One line of `schema.list`: a schema by its newest version. */
export interface SchemaSummary {
  name: string;
  kind: SchemaKind;
  /** The newest version that is not a pre-release, if there is one. */
  version: string;
  /** Every version there is, oldest first. */
  versions: string[];
  description: string;
  manufacturer?: string;
  model?: string;
  bus?: string;
  measurement_types?: string[];
}

/** Every schema the hub knows: its own, the templates it ships with, and what was registered. */
export interface SchemaRegistry {
  /**
   * Checks the static schema of `device.register` (specification section 3.1).
   * Throws RpcError -32004 with `problems: [{ field, problem, allowed? }]`.
   */
  checkDevice(staticSchema: unknown): CheckedDevice;
  /**
   * Checks the static schema of `sensor.discover` (specification section 3.2). Measurements it
   * lists win; if it lists none they come from the template of its manufacturer and model (or of
   * its `template` member, `name` or `name@version`), and so do the commands if it has no `commands`;
   * these are known then, not all there are: `commands_declared` stays false.
   * Throws RpcError -32004 with `problems`, or with the `nearest` templates when there is neither
   * a measurement nor a template.
   */
  checkSensor(staticSchema: unknown): CheckedSensor;
  /**
   * Templates that fit what a bus scan saw, best first, at most ten; none is an empty list.
   * Throws RpcError -32602 for a bus or a number that cannot be read.
   */
  match(scan: BusScan): TemplateCandidate[];
  /** `schema.list`: sorted by name. Throws RpcError -32602 for a filter of the wrong shape.
   * @param filter a SchemaFilter, as it came */
  list(filter: unknown): { schemas: SchemaSummary[]; cursor?: string };
  /**
   * `schema.get`: one version of a schema, the newest if none is named (`name@version` works too).
   * Throws RpcError -32602 with the `nearest` names, or with the versions there are as `allowed`.
   */
  get(name: string, version?: string): SchemaRecord;
  /**
   * `schema.register`: params are the schema itself, with its `kind`. Resolves once it is durable.
   * Rejects with RpcError -32004 when it is no valid schema, when the version exists, is lower than
   * the newest of its major, or breaks stored readings without a new major version (`changes`
   * lists what does), and with -32006 when there are too many.
   * @param by id of the key that asked
   */
  register(
    params: unknown,
    by: string,
  ): Promise<{ name: string; version: string; registered_at: string }>;
}
