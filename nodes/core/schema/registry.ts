import type { Clock } from '../clock.ts';
import type { JsonObject } from '../document.ts';
import type { RecordStore } from '../records.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { boundedDocument } from './bounded.ts';
import { createCommandReader, readMeasurements } from './declarations.ts';
import { mcuSchema } from './device-schema.ts';
import { createLibrary } from './library.ts';
import { listSchemas } from './listing.ts';
import { matchTemplates } from './matching.ts';
import type { SchemaRegistry } from './ports.ts';
import { refusal, refuseIf } from './problems.ts';
import { createSchemaReader } from './read-schema.ts';
import { createRegistration } from './registration.ts';
import { sensorAddress } from './sensor-address.ts';
import { sensorSchema } from './sensor-schema.ts';
import type { DeviceSchema, SchemaRecord, SensorTemplate } from './types.ts';
import { compileSchema, type SchemaCheck } from './validator.ts';

export interface SchemaRegistryDeps {
  records: RecordStore;
  clock: Clock;
  /** Templates that ship with the hub; among equal candidates the earlier one is named first. */
  templates: readonly SensorTemplate[];
  /** Device schemas that ship with the hub, besides its own `mcu`. */
  deviceSchemas?: readonly DeviceSchema[];
}

const subject = 'the static schema';

/** The registry with what ships with the hub; `load` adds what was registered. */
export function createSchemaRegistry(
  deps: SchemaRegistryDeps,
): SchemaRegistry & { load(): Promise<void> } {
  const { records, clock, templates, deviceSchemas = [] } = deps;
  const library = createLibrary();
  for (const record of [mcuSchema, ...deviceSchemas, ...templates]) library.add(record);
  const readCommands = createCommandReader();
  const readSchema = createSchemaReader(readCommands);
  const checkSensorSchema = compileSchema(sensorSchema);
  const registerSchema = createRegistration({ library, records, clock, own: new Set(['mcu']) });
  const deviceChecks = new WeakMap<SchemaRecord, SchemaCheck>();

  const deviceCheck = (record: DeviceSchema): SchemaCheck => {
    const check = deviceChecks.get(record) ?? compileSchema(record.schema);
    deviceChecks.set(record, check);
    return check;
  };

  /** A schema that a static schema refers to; not finding it is a fault of that document. */
  const referred = <K extends SchemaRecord['kind']>(
    schema: JsonObject,
    field: 'schema' | 'template',
    kind: K,
  ): Extract<SchemaRecord, { kind: K }> | undefined => {
    const reference = schema[field];
    if (typeof reference !== 'string') return undefined;
    try {
      const record = library.get(reference);
      if (record.kind === kind) return record as Extract<SchemaRecord, { kind: K }>;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      const { nearest, allowed } = error.details;
      throw new RpcError(ErrorCode.SchemaValidationFailed, `${field}: ${error.reason}`, {
        ...(nearest !== undefined && { nearest }),
        ...(allowed !== undefined && { allowed }),
        field,
        problems: [{ field, problem: error.reason }],
      });
    }
    throw refusal(subject, [{ field, problem: `names no ${kind} schema` }]);
  };

  const readDeclared = (schema: JsonObject) => ({
    measurements: readMeasurements(schema['measurements'], subject),
    commands: readCommands(schema['commands'], subject),
    commands_declared: schema['commands'] !== undefined,
  });

  return {
    async load() {
      for (const record of await records.all<SchemaRecord>('schema')) library.add(record);
    },

    checkDevice(staticSchema) {
      const schema = boundedDocument(staticSchema, subject);
      refuseIf(subject, deviceCheck(mcuSchema)(schema));
      const named = referred(schema, 'schema', 'device') ?? mcuSchema;
      if (named !== mcuSchema) refuseIf(subject, deviceCheck(named)(schema));
      return { schema_version: named.version, ...readDeclared(schema) };
    },

    checkSensor(staticSchema) {
      const schema = boundedDocument(staticSchema, subject);
      refuseIf(subject, checkSensorSchema(schema));
      const { manufacturer, model } = schema as { manufacturer: string; model: string };
      const template = referred(schema, 'template', 'sensor') ?? library.find(manufacturer, model);
      const declared = readDeclared(schema);
      if (declared.measurements.length === 0 && !template) {
        const nearest = library.nearestTemplates(manufacturer, model);
        const problem =
          `is missing, and no template is known for ${manufacturer} ${model}` +
          (nearest.length > 0 ? `; the nearest are ${nearest.join(', ')}` : '');
        const problems = [{ field: 'measurements', problem }];
        throw new RpcError(ErrorCode.SchemaValidationFailed, `measurements ${problem}`, {
          field: 'measurements',
          nearest,
          problems,
        });
      }
      const address = sensorAddress(schema['communication']);
      return {
        ...(template && { template: `${template.name}@${template.version}` }),
        ...(address !== undefined && { address }),
        measurements:
          declared.measurements.length > 0 ? declared.measurements : (template?.measurements ?? []),
        commands: declared.commands_declared ? declared.commands : (template?.commands ?? []),
        // A template tells what the chip can do, not what this firmware offers beyond it.
        commands_declared: declared.commands_declared,
      };
    },

    match: (scan) => matchTemplates(library.templates(), scan),
    list: (filter) => listSchemas(library, filter),
    get: (name, version) => library.get(name, version),

    async register(params, by) {
      const { name, version, registered_at } = await registerSchema(readSchema(params), by);
      return { name, version, registered_at };
    },
  };
}
