import { measurementsSchema } from './declarations.ts';
import type { DeviceSchema } from './types.ts';

const text = { type: 'string', minLength: 1, maxLength: 128 };

/**
 * What every device has to say about itself when it registers (specification section 3.1). Other
 * members are allowed: they are stored as they are.
 */
export const mcuSchema: DeviceSchema = {
  kind: 'device',
  name: 'mcu',
  version: '1.0.0',
  description: 'Static schema of a device: who made it, what it runs, measures and can do.',
  schema: {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    required: ['manufacturer', 'model'],
    properties: {
      schema: {
        ...text,
        description: 'Registered schema to check against too: name or name@version',
      },
      manufacturer: text,
      model: text,
      firmware_version: text,
      hardware_id: text,
      serial_number: text,
      mac_address: text,
      communication_protocols: { type: 'object' },
      memory: { type: 'object' },
      measurements: measurementsSchema,
      commands: {
        type: ['object', 'array'],
        description: 'By name, or a list with names; arguments as JSON Schema or { name: type }',
      },
    },
  },
};
