import { RpcError } from '../rpc/errors.ts';
import { boundedDocument } from './bounded.ts';
import { readMeasurements, type CommandReader } from './declarations.ts';
import { refusal, refuseIf } from './problems.ts';
import { parseVersion } from './semver.ts';
import { deviceSchemaSchema, templateSchema } from './template-schema.ts';
import type { DeviceSchema, SchemaRecord, SensorTemplate } from './types.ts';
import { compileSchema } from './validator.ts';

/**
 * Reads schemas as `schema.register` takes them, commands brought into one form. The reader throws
 * RpcError -32004 for what is no sensor template and no usable device schema.
 */
export function createSchemaReader(readCommands: CommandReader): (params: unknown) => SchemaRecord {
  const checks = {
    sensor: compileSchema(templateSchema),
    device: compileSchema(deviceSchemaSchema),
  };

  return (params) => {
    const subject = 'the schema';
    const document = boundedDocument(params, subject);
    const { kind } = document;
    if (kind !== 'sensor' && kind !== 'device') {
      const problem = 'must be one of the allowed values';
      throw refusal(subject, [{ field: 'kind', problem, allowed: ['sensor', 'device'] }]);
    }
    refuseIf(subject, checks[kind](document));
    const record = document as unknown as SchemaRecord;
    if (!parseVersion(record.version)) {
      const problem = 'must be a semantic version such as 1.0.0';
      throw refusal(subject, [{ field: 'version', problem }]);
    }
    return record.kind === 'sensor' ? readTemplate(record, readCommands) : readDeviceSchema(record);
  };
}

function readTemplate(template: SensorTemplate, readCommands: CommandReader): SensorTemplate {
  const subject = 'the template';
  const { measurements, commands, ...rest } = template;
  return {
    ...rest,
    measurements: readMeasurements(measurements, subject),
    ...(commands && { commands: readCommands(commands, subject) }),
  };
}

function readDeviceSchema(record: DeviceSchema): DeviceSchema {
  try {
    compileSchema(record.schema);
    return record;
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    const problem = `cannot be used: ${error.reason}`;
    throw refusal('the schema', [{ field: 'schema', problem }]);
  }
}
