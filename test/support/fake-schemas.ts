import type { MeasurementDeclaration, CommandDeclaration } from '../../nodes/core/device/types.ts';
import { ErrorCode, RpcError } from '../../nodes/core/rpc/errors.ts';
import type { BusScan, SchemaRegistry } from '../../nodes/core/schema/ports.ts';

/** Takes `measurements` and `commands` of a static schema as they are; refuses one with `invalid: true`. */
export function createFakeSchemas(): SchemaRegistry & { scans: BusScan[] } {
  const scans: BusScan[] = [];
  const check = (schema: unknown) => {
    const read = schema as Record<string, unknown>;
    if (read['invalid'])
      throw new RpcError(ErrorCode.SchemaValidationFailed, 'static_schema is invalid', {
        problems: [],
      });
    return {
      schema_version: '1.0.0',
      measurements: (read['measurements'] ?? []) as MeasurementDeclaration[],
      commands: (read['commands'] ?? []) as CommandDeclaration[],
      commands_declared: read['commands'] !== undefined,
    };
  };
  const unused = (): never => {
    throw new Error('not part of these tests');
  };
  return {
    scans,
    checkDevice: check,
    checkSensor(schema) {
      const { measurements, commands, commands_declared } = check(schema);
      const { template, address } = schema as { template?: string; address?: string };
      return {
        measurements,
        commands,
        commands_declared,
        ...(template !== undefined && { template }),
        ...(address !== undefined && { address }),
      };
    },
    match(scan) {
      scans.push(scan);
      return [];
    },
    list: unused,
    get: unused,
    register: unused,
  };
}
