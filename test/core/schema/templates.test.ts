import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createCommandReader } from '../../../nodes/core/schema/declarations.ts';
import { createSchemaReader } from '../../../nodes/core/schema/read-schema.ts';
import { sensorTemplates } from '../../../nodes/core/schema/templates/index.ts';
import { compileSchema } from '../../../nodes/core/schema/validator.ts';

const folder = new URL('../../../nodes/core/schema/templates/', import.meta.url);
const read = createSchemaReader(createCommandReader());
const find = (name: string) => sensorTemplates.find((each) => each.name === name);

describe('the sensor templates that ship with the hub', () => {
  it('are more than forty, and every data file is among them under its own name', () => {
    const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
    assert(files.length >= 44, `${files.length} templates`);
    assert.deepEqual(files.sort(), sensorTemplates.map(({ name }) => `${name}.json`).sort());
    for (const file of files) {
      const content: unknown = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
      assert.deepEqual(content, find(file.slice(0, -'.json'.length)));
    }
  });

  it('have names of their own', () => {
    assert.equal(new Set(sensorTemplates.map(({ name }) => name)).size, sensorTemplates.length);
  });

  for (const template of sensorTemplates) {
    it(`${template.name} is what schema.register would take, word for word`, () => {
      assert.deepEqual(read(template), template);
    });
  }

  it('use units in lower-case words', () => {
    for (const { name, measurements } of sensorTemplates) {
      for (const { unit } of measurements) {
        assert.match(unit ?? 'none', /^[a-z]+(_[a-z]+)*$/, name);
      }
    }
  });

  it('have I2C addresses that exist', () => {
    for (const { name, identity } of sensorTemplates) {
      if (identity.bus === 'i2c') assert(identity.addresses?.length, name);
      for (const address of identity.addresses ?? []) {
        assert(Number(address) >= 0x08 && Number(address) <= 0x77, `${name} ${address}`);
      }
    }
  });

  it('take the configuration of a BMP580 as the specification shows it', () => {
    const configure = find('bosch-bmp580')?.commands?.find(({ name }) => name === 'configure');
    const check = compileSchema(configure?.arguments ?? assert.fail('no configure'));
    assert.equal(check({ oversampling: '16X', output_data_rate: 10 }), undefined);
    assert.deepEqual(check({ oversampling: '256X' })?.[0]?.allowed, [
      ...['1X', '2X', '4X', '8X', '16X', '32X', '64X', '128X'],
    ]);
  });
});
