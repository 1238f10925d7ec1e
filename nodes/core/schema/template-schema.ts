import type { JsonSchema } from '../rpc/types.ts';
import { buses } from './bus.ts';
import { measurementsSchema } from './declarations.ts';

const text = (maxLength: number): JsonSchema => ({ type: 'string', minLength: 1, maxLength });
const hexNumber: JsonSchema = { type: 'string', pattern: '^0x[0-9A-Fa-f]{2,8}$' };
const hexNumbers: JsonSchema = { type: 'array', minItems: 1, maxItems: 128, items: hexNumber };
const naming = {
  name: { type: 'string', maxLength: 64, pattern: '^[a-z0-9][a-z0-9-]*$' },
  version: { type: 'string', maxLength: 64 },
};

/** What a sensor template has to be, whether it ships with the hub or comes by `schema.register`. */
export const templateSchema: JsonSchema = {
  type: 'object',
  required: [
    'kind',
    'name',
    'version',
    'manufacturer',
    'model',
    'description',
    'datasheet',
    'identity',
    'measurements',
  ],
  properties: {
    kind: { const: 'sensor' },
    ...naming,
    manufacturer: text(128),
    model: text(128),
    description: text(1_024),
    datasheet: text(256),
    identity: {
      type: 'object',
      required: ['bus'],
      properties: {
        bus: { enum: buses },
        addresses: hexNumbers,
        id_register: {
          type: 'object',
          required: ['register', 'values'],
          properties: { register: hexNumber, values: hexNumbers },
          additionalProperties: false,
        },
        family_code: hexNumber,
      },
      additionalProperties: false,
    },
    measurements: { ...measurementsSchema, minItems: 1 },
    commands: { type: ['array', 'object'] },
  },
  additionalProperties: false,
};

/** What a device schema has to be that comes by `schema.register`. */
export const deviceSchemaSchema: JsonSchema = {
  type: 'object',
  required: ['kind', 'name', 'version', 'description', 'schema'],
  properties: {
    kind: { const: 'device' },
    ...naming,
    description: text(1_024),
    schema: { type: 'object' },
  },
  additionalProperties: false,
};
