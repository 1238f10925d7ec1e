import type { JsonSchema } from '../rpc/types.ts';
import { measurementsSchema } from './declarations.ts';

const text = { type: 'string', minLength: 1, maxLength: 128 };

/** What a sensor's static schema has to say in `sensor.discover` (specification section 3.2). */
export const sensorSchema: JsonSchema = {
  type: 'object',
  required: ['manufacturer', 'model'],
  properties: {
    manufacturer: text,
    model: text,
    template: text,
    communication: { type: 'object', properties: { primary_protocol: text } },
    measurements: measurementsSchema,
    commands: { type: ['object', 'array'] },
  },
};
