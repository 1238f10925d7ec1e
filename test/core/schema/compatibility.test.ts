import assert from 'node:assert/strict';
import { breakingChanges } from '../../../nodes/core/schema/compatibility.ts';
import type { DeviceSchema } from '../../../nodes/core/schema/types.ts';
import { template } from './support.ts';

const before = template();
const [temperature, humidity] = before.measurements;
const withTemperature = (changes: object) =>
  template({ measurements: [{ ...temperature!, ...changes }, humidity!] });

const device = (schema: Record<string, unknown>): DeviceSchema => ({
  kind: 'device',
  name: 'greenhouse',
  version: '1.0.0',
  description: 'A greenhouse controller.',
  schema,
});
const between = (from: Record<string, unknown>, to: Record<string, unknown>) =>
  breakingChanges(device(from), device(to));

describe('a new version of a sensor template', () => {
  it('may add measurements, widen ranges and change what only explains', () => {
    const wider = withTemperature({ range: { min: -50 }, accuracy: '±0.1 °C' });
    wider.measurements.push({ measurement_type: 'pressure', value_type: 'number' });
    assert.deepEqual(breakingChanges(before, wider), []);
  });

  it('breaks stored readings by a removed measurement', () => {
    assert.deepEqual(breakingChanges(before, template({ measurements: [humidity!] })), [
      'measurement temperature was removed',
    ]);
  });

  it('breaks stored readings by another type or unit, or by none', () => {
    const changed = withTemperature({ value_type: 'string', unit: 'fahrenheit' });
    assert.deepEqual(breakingChanges(before, changed), [
      'measurement temperature: value_type changed from number to string',
      'measurement temperature: unit changed from celsius to fahrenheit',
    ]);
    assert.deepEqual(breakingChanges(before, withTemperature({ unit: undefined })), [
      'measurement temperature: unit changed from celsius to none',
    ]);
  });

  it('breaks stored readings by a narrower range, also where there was none', () => {
    assert.deepEqual(breakingChanges(before, withTemperature({ range: { min: -20, max: 60 } })), [
      'measurement temperature: range narrowed, min from -40 to -20',
      'measurement temperature: range narrowed, max from 85 to 60',
    ]);
    const bounded = template({
      measurements: [temperature!, { ...humidity!, range: { min: 0 } }],
    });
    assert.deepEqual(breakingChanges(before, bounded), [
      'measurement humidity: range narrowed, min from none to 0',
    ]);
  });

  it('cannot become a device schema', () => {
    assert.equal(breakingChanges(before, device({})).length, 1);
  });
});

describe('a new version of a device schema', () => {
  const schema = {
    type: 'object',
    required: ['model'],
    properties: {
      model: { type: 'string', maxLength: 32 },
      zones: { type: 'integer', minimum: 1 },
      mode: { enum: ['auto', 'manual'] },
    },
  };
  const withProperty = (name: string, part: unknown) => ({
    ...schema,
    properties: { ...schema.properties, [name]: part },
  });

  it('may allow more and explain better', () => {
    const to = {
      ...schema,
      title: 'Greenhouse',
      required: [],
      properties: {
        model: { type: ['string', 'null'], maxLength: 64, description: 'Printed on the back.' },
        zones: { type: 'number', minimum: 0 },
        mode: { enum: ['manual', 'auto', 'off'] },
        colour: {},
      },
    };
    assert.deepEqual(between(schema, to), []);
  });

  it('is no change by the order of its keys', () => {
    const { type, required, properties } = schema;
    assert.deepEqual(between(schema, { properties, required, type }), []);
  });

  it('breaks by a newly required property', () => {
    assert.deepEqual(between(schema, { ...schema, required: ['model', 'zones'] }), [
      'zones is newly required',
    ]);
  });

  it('breaks by a narrower type, enum or bound', () => {
    assert.deepEqual(between(withProperty('zones', { type: 'number' }), schema), [
      'zones no longer allows type number',
      'zones has another minimum: 1',
    ]);
    assert.deepEqual(between(schema, withProperty('mode', { enum: ['auto'] })), [
      'mode no longer allows "manual"',
    ]);
    assert.deepEqual(between(schema, withProperty('model', { type: 'string', maxLength: 8 })), [
      'model has another maxLength: 8',
    ]);
    assert.deepEqual(between(schema, withProperty('location', { type: 'string' })), [
      'location is now restricted to type string',
    ]);
  });

  it('breaks by a removed measurement or property', () => {
    const measuring = (...types: string[]) =>
      withProperty('measurements', {
        items: { properties: { measurement_type: { enum: types } } },
      });
    assert.deepEqual(between(measuring('temperature', 'light'), measuring('light')), [
      'measurements[].measurement_type no longer allows "temperature"',
    ]);
    assert.deepEqual(between(withProperty('light', {}), schema), ['light was removed']);
  });

  it('breaks by a keyword whose effect cannot be told', () => {
    const to = { ...schema, additionalProperties: false };
    assert.deepEqual(between(schema, to), ['the schema has another additionalProperties: false']);
    assert.equal(
      between(schema, withProperty('model', { type: 'string', pattern: '^A' })).length,
      1,
    );
  });
});
