import assert from 'node:assert/strict';
import { createRig, refusedBy, template } from './support.ts';

const { registry } = createRig();
const names = (scan: Parameters<typeof registry.match>[0]) =>
  registry.match(scan).map(({ name }) => name);

describe('matching a bus scan with the templates', () => {
  it('is certain when address and chip id agree', () => {
    const [first, ...others] = registry.match({ bus: 'i2c', address: '0x76', chip_id: '0x60' });
    assert.equal(first?.template, 'bosch-bme280@1.0.0');
    assert.equal(first.score, 1);
    assert.equal(first.why, 'address 0x76 is one of its own, chip id 0x60 is its own');
    assert(first.measurements.some(({ measurement_type }) => measurement_type === 'humidity'));
    assert(!others.some(({ name }) => name === 'bosch-bmp280'), 'a BMP280 says 0x58');
  });

  it('tells chips with the same id apart by the register it was read from', () => {
    const at = (register: string) =>
      registry
        .match({ bus: 'i2c', address: '0x76', chip_id: '0x60', register })
        .filter(({ score }) => score === 1)
        .map(({ name }) => name);
    assert.deepEqual(at('0xD0'), ['bosch-bme280']);
    assert.deepEqual(at('0x00'), ['bosch-bmp390']);
  });

  it('names every twin at a shared address and id, the more common one first', () => {
    const found = registry.match({ bus: 'i2c', address: '0x47', chip_id: '0x50' });
    assert.deepEqual(
      found.slice(0, 2).map(({ name, score }) => [name, score]),
      [
        ['bosch-bmp580', 1],
        ['bosch-bmp581', 1],
      ],
    );
  });

  it('is less sure of an address alone the more templates share it', () => {
    const alone = registry.match({ bus: 'i2c', address: '0x62' });
    const crowd = registry.match({ bus: 'i2c', address: '0x40' });
    assert.deepEqual(
      new Set(alone.map(({ name }) => name)),
      new Set(['sensirion-scd41', 'sensirion-scd40']),
    );
    assert(crowd.length > alone.length);
    assert((crowd[0]?.score ?? 1) < (alone[0]?.score ?? 0));
    assert((alone[0]?.score ?? 1) < 0.5);
    assert.match(crowd[0]?.why ?? '', /address 0x40 is one of its own; so do \d+ other templates/);
    assert.equal(crowd[0]?.name, 'ti-ina219');
  });

  it('gives an address that only one template has one half', () => {
    const [only, ...others] = registry.match({ bus: 'i2c', address: '0x23' });
    assert.deepEqual([only?.name, only?.score, others.length], ['rohm-bh1750', 0.5, 0]);
  });

  it('excludes what the chip id contradicts, and keeps low what cannot confirm it', () => {
    const found = registry.match({
      bus: 'i2c',
      address: '0x40',
      chip_id: '0x2260',
      register: '0xFF',
    });
    assert.equal(found[0]?.name, 'ti-ina226');
    assert(!found.some(({ name }) => name === 'ti-ina260'), 'the same register would hold 0x2270');
    const ina219 = found.find(({ name }) => name === 'ti-ina219');
    assert((ina219?.score ?? 1) < 0.3);
    assert.match(ina219?.why ?? '', /no id register/);
  });

  it('believes a chip id at an unusual address by 0.6, and without an address by 0.9', () => {
    const [moved] = registry.match({
      bus: 'i2c',
      address: '0x20',
      chip_id: '0x60',
      register: '0xD0',
    });
    assert.deepEqual([moved?.name, moved?.score], ['bosch-bme280', 0.6]);
    assert.match(moved?.why ?? '', /address 0x20 is unusual for it/);
    const [bare] = registry.match({ bus: 'i2c', chip_id: '0x60', register: '0xD0' });
    assert.deepEqual([bare?.name, bare?.score], ['bosch-bme280', 0.9]);
  });

  it('finds a chip with an id register on SPI too', () => {
    const found = registry.match({ bus: 'SPI', chip_id: '0x58', register: '0xD0' });
    assert.deepEqual(
      found.map(({ name, score }) => [name, score]),
      [['bosch-bmp280', 0.6]],
    );
  });

  it('knows a 1-Wire part by its family code or its ROM', () => {
    assert.deepEqual(names({ bus: '1-Wire', family_code: '0x28' }), ['maxim-ds18b20']);
    assert.deepEqual(names({ bus: 'onewire', address: '28-000005e2fdc3' }), ['maxim-ds18b20']);
    assert.deepEqual(names({ bus: 'onewire', address: '28FF641E8216044A' }), ['maxim-ds18b20']);
    assert.deepEqual(names({ bus: 'onewire', family_code: '0x01' }), []);
  });

  it('reads numbers in hexadecimal, with an h, in decimal and as numbers', () => {
    const expected = names({ bus: 'i2c', address: '0x47', chip_id: '0x50' });
    for (const [address, chip_id] of [
      ['47h', '50H'],
      ['71', '80'],
      [71, 80],
      [' 0X47 ', '0x050'],
    ] as const) {
      assert.deepEqual(names({ bus: 'I2C', address, chip_id }), expected, `${address}`);
    }
  });

  it('answers nothing for an address nobody has', () => {
    assert.deepEqual(registry.match({ bus: 'i2c', address: '0x03' }), []);
  });

  it('answers ten at most, best first, and always the same', () => {
    for (const scan of [{ bus: 'i2c' }, { bus: 'i2c', address: '0x29' }, { bus: 'gpio' }]) {
      const found = registry.match(scan);
      assert(found.length > 0 && found.length <= 10);
      assert.deepEqual(found, registry.match(scan));
      const scores = found.map(({ score }) => score);
      assert.deepEqual(
        scores,
        scores.toSorted((a, b) => b - a),
      );
      assert(scores.every((score) => score > 0 && score <= 1));
    }
  });

  it('takes registered templates into account at once', async () => {
    const rig = createRig();
    await rig.registry.register(template({ identity: { bus: 'i2c', addresses: ['0x30'] } }), 'key');
    assert.equal(rig.registry.match({ bus: 'i2c', address: '0x30' })[0]?.name, 'acme-th1');
  });

  it('refuses a bus or a number it cannot read', () => {
    assert.deepEqual(refusedBy(() => registry.match({ bus: 'can' }), -32602).details.field, 'bus');
    for (const address of ['0xZZ', 'x47', '', '-1', '0x47; drop', 1.5, -1]) {
      const error = refusedBy(() => registry.match({ bus: 'i2c', address }), -32602);
      assert.equal(error.details.field, 'address');
    }
  });
});
