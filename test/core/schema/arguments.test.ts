import assert from 'node:assert/strict';
import { toArgumentsSchema } from '../../../nodes/core/schema/arguments.ts';
import { RpcError } from '../../../nodes/core/rpc/errors.ts';

describe('arguments of a command', () => {
  it('may be written as { argument: type }, all of them required and no other allowed', () => {
    assert.deepEqual(toArgumentsSchema({ zone: 'string', duration_seconds: 'number' }), {
      type: 'object',
      properties: { zone: { type: 'string' }, duration_seconds: { type: 'number' } },
      required: ['zone', 'duration_seconds'],
      additionalProperties: false,
    });
  });

  it('may mix type names and schemas', () => {
    const schema = toArgumentsSchema({ level: { type: 'integer', maximum: 9 }, now: 'boolean' });
    assert.deepEqual(schema.properties, {
      level: { type: 'integer', maximum: 9 },
      now: { type: 'boolean' },
    });
  });

  it('may be a whole JSON Schema, which keeps its own idea of what is required', () => {
    const schema = { type: 'object', properties: { on: { type: 'boolean' } } };
    assert.deepEqual(toArgumentsSchema(schema), schema);
    assert.deepEqual(toArgumentsSchema({ properties: { on: true } }), {
      type: 'object',
      properties: { on: true },
    });
  });

  it('may have arguments that are called type and properties', () => {
    assert.deepEqual(toArgumentsSchema({ type: 'string', properties: 'string' }).required, [
      'type',
      'properties',
    ]);
    assert.deepEqual(toArgumentsSchema({ properties: { type: 'integer' } }).required, [
      'properties',
    ]);
  });

  it('written as {} are none', () => {
    assert.deepEqual(toArgumentsSchema({}), {
      type: 'object',
      properties: {},
      required: [],
      additionalProperties: false,
    });
  });

  it('of an unknown type are refused with the types there are', () => {
    assert.throws(
      () => toArgumentsSchema({ zone: 'text' }, 'commands.water.arguments'),
      (error) => {
        assert(error instanceof RpcError);
        assert.equal(error.code, -32004);
        assert.equal(error.details.field, 'commands.water.arguments.zone');
        assert.deepEqual(error.details.allowed, ['string', 'number', 'boolean', 'integer']);
        return true;
      },
    );
  });

  it('that are no object, too many, or named like inherited properties are refused', () => {
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`a${i}`, 'string']));
    const inherited = JSON.parse('{"__proto__":"string"}') as unknown;
    for (const bad of ['string', ['zone'], null, 7, many, inherited, { 'a b': 'string' }]) {
      assert.throws(() => toArgumentsSchema(bad), { name: 'RpcError', code: -32004 });
    }
  });
});
