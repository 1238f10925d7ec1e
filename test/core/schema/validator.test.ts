import assert from 'node:assert/strict';
import { RpcError } from '../../../nodes/core/rpc/errors.ts';
import type { JsonSchema } from '../../../nodes/core/rpc/types.ts';
import { unsafePattern } from '../../../nodes/core/schema/safe-pattern.ts';
import { compileSchema } from '../../../nodes/core/schema/validator.ts';
import type { ValidationProblem } from '../../../nodes/core/schema/validator.ts';

const refuses = (schema: JsonSchema, reason: RegExp): void => {
  assert.throws(
    () => compileSchema(schema),
    (error: unknown) =>
      error instanceof RpcError && error.code === -32602 && reason.test(error.reason),
  );
};

/** Problems in words, without the change that would help and what would do. */
const inWords = (problems: ValidationProblem[] | undefined) =>
  problems?.map(({ expected: _expected, fix: _fix, ...words }) => words);

describe('compileSchema', () => {
  const telemetry = compileSchema({
    type: 'object',
    required: ['device_id', 'data'],
    additionalProperties: false,
    properties: {
      device_id: { type: 'string', format: 'uuid' },
      timestamp: { type: 'string', format: 'date-time' },
      data: {
        type: 'object',
        properties: {
          live_readings: {
            type: 'array',
            items: {
              type: 'object',
              required: ['value'],
              properties: {
                value: { type: ['number', 'string'] },
                quality: { enum: ['good', 'uncertain', 'bad'] },
              },
            },
          },
        },
      },
    },
  });
  const device_id = '550e8400-e29b-41d4-a716-446655440000';

  it('answers undefined for a value that agrees with the schema', () => {
    assert.equal(
      telemetry({ device_id, timestamp: '2025-09-30T10:30:00Z', data: { live_readings: [] } }),
      undefined,
    );
  });

  it('names the field and what is missing, and every problem of a small value', () => {
    assert.deepEqual(inWords(telemetry({ timestamp: 'yesterday' })), [
      { field: 'device_id', problem: 'is missing' },
      { field: 'data', problem: 'is missing' },
      { field: 'timestamp', problem: 'must be a date-time such as 2025-09-30T10:30:00Z' },
    ]);
  });

  it('names the place inside arrays, the allowed values and the nearest one', () => {
    assert.deepEqual(
      inWords(
        telemetry({
          device_id,
          data: { live_readings: [{ value: 1 }, { value: true, quality: 'godo' }] },
        }),
      ),
      [
        { field: 'data.live_readings[1].value', problem: 'must be a number or a string' },
        {
          field: 'data.live_readings[1].quality',
          problem: 'must be one of the allowed values',
          allowed: ['good', 'uncertain', 'bad'],
          nearest: 'good',
        },
      ],
    );
  });

  it('names the nearest known field for one it does not know', () => {
    assert.deepEqual(inWords(telemetry({ device_id, data: {}, timestmap: 'x' })), [
      {
        field: 'timestmap',
        problem: 'is not a known field',
        allowed: ['device_id', 'timestamp', 'data'],
        nearest: 'timestamp',
      },
    ]);
  });

  it('tells one problem only of a big value, and never more than ten', () => {
    const readings = (count: number) => ({
      device_id,
      data: { live_readings: Array.from({ length: count }, () => ({})) },
    });
    assert.equal(telemetry(readings(100_000))?.length, 1);
    assert.equal(telemetry(readings(100))?.length, 10);
  });

  it('says what is wrong with the document as a whole under an empty field', () => {
    assert.deepEqual(telemetry([]), [{ field: '', problem: 'must be an object' }]);
  });

  it('resolves references inside the schema', () => {
    const check = compileSchema({
      $defs: { id: { type: 'integer' } },
      properties: { a: { $ref: '#/$defs/id' } },
    });
    assert.equal(check({ a: 1 }), undefined);
    assert.deepEqual(inWords(check({ a: 'x' })), [{ field: 'a', problem: 'must be an integer' }]);
  });

  it('compiles two schemas with one $id, and ignores keywords it does not know', () => {
    for (const type of ['string', 'number']) {
      compileSchema({
        $id: 'https://example.org/a',
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        type,
        unit: 'celsius',
      });
    }
    assert.deepEqual(
      compileSchema({ $id: 'https://json-schema.org/draft/2020-12/schema', type: 'number' })('x'),
      [{ field: '', problem: 'must be a number' }],
    );
  });

  it('ignores formats it does not know, as JSON Schema wants', () => {
    assert.equal(compileSchema({ type: 'string', format: 'plant-name' })('fern'), undefined);
  });

  it('does not take property names for keywords', () => {
    const check = compileSchema({
      properties: {
        $ref: { type: 'string' },
        pattern: { type: 'string' },
        const: { type: 'number' },
        $id: { type: 'string' },
      },
      default: { $ref: 'anything' },
    });
    assert.deepEqual(inWords(check({ const: 'x' })), [
      { field: 'const', problem: 'must be a number' },
    ]);
  });

  it('refuses a schema that is none', () => {
    refuses({ type: 'strin' }, /#\/type/);
    refuses({ properties: { a: 5 } }, /#\/properties\/a/);
    refuses({ required: 'a' }, /#\/required/);
    refuses({ type: 'string', pattern: '[' }, /pattern|regex|regular/i);
    refuses({ $schema: 'http://json-schema.org/draft-07/schema#' }, /\$schema must be https/);
  });

  it('refuses references to other documents and to nothing', () => {
    refuses({ $ref: 'https://example.org/schema' }, /same schema/);
    refuses({ properties: { a: { $ref: 'other.json#/a' } } }, /same schema/);
    refuses({ $ref: '#/$defs/none' }, /does not exist/);
    refuses({ $dynamicRef: '#a' }, /not supported/);
  });

  it('refuses schema bombs: size, depth, recursion and doubling references', () => {
    refuses({ description: 'x'.repeat(70_000) }, /longer/);
    let deep: JsonSchema = {};
    for (let i = 0; i < 40; i++) deep = { not: deep };
    refuses(deep, /deeper/);
    refuses({ properties: { a: { $ref: '#' } } }, /itself/);
    const $defs: Record<string, unknown> = { d0: { type: 'string' } };
    for (let i = 1; i <= 30; i++) {
      $defs[`d${i}`] = { allOf: [{ $ref: `#/$defs/d${i - 1}` }, { $ref: `#/$defs/d${i - 1}` }] };
    }
    refuses({ $defs, $ref: '#/$defs/d30' }, /grows/);
    refuses({ type: 'array', uniqueItems: true }, /uniqueItems/);
  });

  it('refuses patterns that could run for ever', () => {
    for (const pattern of [
      '^(a+)+$',
      '(a|a)*b',
      '^(\\d+\\d*)*$',
      '((a*)*)*',
      '(.*)\\1',
      '(x+x+)+y',
      '(?:-[-a]+)*',
      '(((a{9}){9}){9}){9}',
    ]) {
      refuses({ type: 'string', pattern }, /pattern that/);
    }
    refuses({ patternProperties: { '(a+)+': {} } }, /pattern that/);
  });

  it('allows the patterns people write', () => {
    for (const pattern of [
      '^[a-z0-9]+(-[a-z0-9]+)*$',
      '^\\d+\\.\\d+\\.\\d+(-[0-9A-Za-z.-]+)?$',
      '^0x[0-9a-fA-F]{2}$',
      '^([0-9A-F]{2}:){5}[0-9A-F]{2}$',
      '^[a-z][a-z0-9_]*(\\.[a-z0-9_]+)*$',
      '^\\d+(ms|s|m|h|d)$',
      '^.*[0-9].*$',
    ]) {
      assert.equal(unsafePattern(pattern), undefined, pattern);
    }
  });
});
