import assert from 'node:assert/strict';
import { createRig, refusedBy } from './support.ts';

const { registry } = createRig();
const mcu = { manufacturer: 'Espressif', model: 'ESP32-S3' };
const deep = () => {
  let nested: unknown = {};
  for (let i = 0; i < 50_000; i++) nested = { nested };
  return nested;
};

describe('the static schema of a device', () => {
  it('as the specification shows it is accepted, with what the vendor adds', () => {
    const checked = registry.checkDevice({
      ...mcu,
      firmware_version: '1.2.0',
      communication_protocols: { wifi: { standard: '802.11n' } },
      memory: { flash_mb: 8 },
      enclosure: { ip: 67 },
    });
    assert.deepEqual(checked, {
      schema_version: '1.0.0',
      measurements: [],
      commands: [],
      commands_declared: false,
    });
  });

  it('declares measurements, numbers unless it says otherwise', () => {
    const { measurements } = registry.checkDevice({
      ...mcu,
      measurements: [
        { measurement_type: 'temperature', unit: 'celsius', range: { min: -40 }, accuracy: 0.5 },
        { measurement_type: 'door_open', value_type: 'boolean', note: 'reed contact' },
      ],
    });
    assert.deepEqual(measurements, [
      {
        measurement_type: 'temperature',
        value_type: 'number',
        unit: 'celsius',
        range: { min: -40 },
        accuracy: '0.5',
      },
      { measurement_type: 'door_open', value_type: 'boolean' },
    ]);
  });

  it('declares commands by name or as a list, arguments as schema or shorthand', () => {
    const water = { description: 'Opens the valve.', arguments: { zone: 'string' } };
    const expected = [
      {
        name: 'water',
        description: 'Opens the valve.',
        arguments: {
          type: 'object',
          properties: { zone: { type: 'string' } },
          required: ['zone'],
          additionalProperties: false,
        },
      },
      { name: 'reboot', destructive: true, timeout_ms: 30_000 },
    ];
    const reboot = { destructive: true, timeout_ms: 30_000 };
    const byName = registry.checkDevice({ ...mcu, commands: { water, reboot } });
    assert.deepEqual(byName.commands, expected);
    assert.equal(byName.commands_declared, true);
    const list = [
      { name: 'water', ...water },
      { name: 'reboot', ...reboot },
    ];
    assert.deepEqual(registry.checkDevice({ ...mcu, commands: list }).commands, expected);
  });

  it('that declares no command at all differs from one that does not say', () => {
    assert.equal(registry.checkDevice({ ...mcu, commands: {} }).commands_declared, true);
  });

  it('is refused with every problem, its field and what is allowed', () => {
    const error = refusedBy(() =>
      registry.checkDevice({
        model: 7,
        measurements: [{ measurement_type: 'temperature', value_type: 'numbre' }],
      }),
    );
    const problems = error.details.problems as { field: string; allowed?: string[] }[];
    assert.deepEqual(problems.map(({ field }) => field).sort(), [
      'manufacturer',
      'measurements[0].value_type',
      'model',
    ]);
    const type = problems.find(({ field }) => field.startsWith('measurements'));
    assert.deepEqual(type?.allowed, ['number', 'string', 'boolean']);
  });

  it('is refused for measurements and commands that make no sense', () => {
    const measuring = (...measurements: object[]) => ({ ...mcu, measurements });
    const t = { measurement_type: 't' };
    for (const [schema, field] of [
      [measuring(t, t), 'measurements[1].measurement_type'],
      [measuring({ ...t, range: { min: 2, max: 1 } }), 'measurements[0].range'],
      [measuring({ ...t, value_type: 'string', range: { min: 2 } }), 'measurements[0].range'],
      [measuring({ measurement_type: '__proto__' }), 'measurements[0].measurement_type'],
      [measuring({ measurement_type: 'a/b' }), 'measurements[0].measurement_type'],
      [{ ...mcu, commands: [{}] }, 'commands[0].name'],
      [{ ...mcu, commands: [{ name: 'a' }, { name: 'a' }] }, 'commands[1]'],
      [{ ...mcu, commands: { on: 'yes' } }, 'commands.on'],
      [{ ...mcu, commands: { on: { timeout_ms: -1 } } }, 'commands.on.timeout_ms'],
      [{ ...mcu, commands: { on: { arguments: { a: 'text' } } } }, 'commands.on.arguments.a'],
    ] as const) {
      assert.equal(refusedBy(() => registry.checkDevice(schema)).details.field, field);
    }
  });

  it('that is hostile is refused, not run', () => {
    const withArguments = (args: unknown) => ({ ...mcu, commands: { go: { arguments: args } } });
    for (const schema of [
      undefined,
      null,
      [],
      'text',
      { ...mcu, notes: 'x'.repeat(100_000) },
      { ...mcu, notes: deep() },
      { ...mcu, commands: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`c${i}`, {}])) },
      withArguments({ type: 'object', $ref: 'http://127.0.0.1:1/schema.json' }),
      withArguments({ properties: { a: { type: 'string', pattern: '(a+)+$' } } }),
      withArguments({ properties: { a: { type: 'string', pattern: '(' } } }),
      withArguments({ type: 'object', properties: 7 }),
    ]) {
      refusedBy(() => registry.checkDevice(schema));
    }
  });

  it('may name a registered schema to be checked against as well', async () => {
    const rig = createRig();
    await rig.registry.register(
      {
        kind: 'device',
        name: 'greenhouse',
        version: '2.1.0',
        description: 'A greenhouse controller.',
        schema: { type: 'object', required: ['zones'], properties: { zones: { type: 'integer' } } },
      },
      'key',
    );
    const good = { ...mcu, schema: 'greenhouse@2.1.0', zones: 4 };
    assert.equal(rig.registry.checkDevice(good).schema_version, '2.1.0');
    assert.equal(
      rig.registry.checkDevice({ ...good, schema: 'greenhouse' }).schema_version,
      '2.1.0',
    );
    const { details } = refusedBy(() =>
      rig.registry.checkDevice({ ...mcu, schema: 'greenhouse', zones: 'four' }),
    );
    assert.equal(details.field, 'zones');
    const unknown = refusedBy(() => rig.registry.checkDevice({ ...mcu, schema: 'greenhose' }));
    assert.equal(unknown.details.nearest, 'greenhouse');
    const wrongKind = refusedBy(() => rig.registry.checkDevice({ ...mcu, schema: 'bosch-bme280' }));
    assert.equal(wrongKind.details.field, 'schema');
  });
});

describe('the static schema of a sensor', () => {
  const bmp580 = { manufacturer: 'Bosch', model: 'BMP580' };
  const i2c = (address: unknown) => ({ primary_protocol: 'I2C', i2c: { address } });

  it('as the specification shows it takes measurements and commands from its template', () => {
    const checked = registry.checkSensor({
      ...bmp580,
      communication: i2c('0x47'),
      measurements: [],
    });
    assert.equal(checked.template, 'bosch-bmp580@1.0.0');
    assert.equal(checked.address, 'i2c:0x47');
    assert.deepEqual(
      checked.measurements.map(({ measurement_type }) => measurement_type),
      ['pressure', 'temperature'],
    );
    assert.deepEqual(
      checked.commands.map(({ name }) => name),
      ['configure'],
    );
    assert.equal(checked.commands_declared, false);
  });

  it('finds its template whatever the case and punctuation, or with the seller as manufacturer', () => {
    for (const [manufacturer, model, name] of [
      ['BOSCH', 'BMP 580', 'bosch-bmp580'],
      ['bosch sensortec gmbh', 'bmp-580', 'bosch-bmp580'],
      ['TI', 'INA219', 'ti-ina219'],
      ['InvenSense', 'MPU6050', 'invensense-mpu-6050'],
      ['Adafruit', 'BME280', 'bosch-bme280'],
    ] as const) {
      const { template } = registry.checkSensor({ manufacturer, model });
      assert.equal(template, `${name}@1.0.0`, `${manufacturer} ${model}`);
    }
  });

  it('wins over the template with measurements and commands of its own', () => {
    const checked = registry.checkSensor({
      ...bmp580,
      measurements: [{ measurement_type: 'pressure', unit: 'pascal' }],
      commands: [],
    });
    assert.deepEqual(checked.measurements, [
      { measurement_type: 'pressure', value_type: 'number', unit: 'pascal' },
    ]);
    assert.deepEqual(checked.commands, []);
    assert.equal(checked.commands_declared, true);
    assert.equal(checked.template, 'bosch-bmp580@1.0.0');
  });

  it('of an unknown kind is accepted if it lists what it measures', () => {
    const checked = registry.checkSensor({
      manufacturer: 'Acme',
      model: 'X-9',
      measurements: [{ measurement_type: 'radiation' }],
    });
    assert.equal(checked.template, undefined);
    assert.equal(checked.measurements.length, 1);
  });

  it('with neither measurements nor a template is refused, naming the nearest templates', () => {
    const { details } = refusedBy(() =>
      registry.checkSensor({ manufacturer: 'Bosch', model: 'BMP585' }),
    );
    assert((details.nearest as string[]).includes('bosch-bmp580'));
    assert.equal(details.field, 'measurements');
    const lost = refusedBy(() => registry.checkSensor({ manufacturer: 'Acme', model: 'qqqqqq' }));
    assert.deepEqual(lost.details.nearest, []);
  });

  it('may name its template, and an unknown one is refused', () => {
    const named = { manufacturer: 'Acme', model: 'Weather cape', template: 'bosch-bme280@1.0.0' };
    assert.equal(registry.checkSensor(named).measurements.length, 3);
    const { details } = refusedBy(() =>
      registry.checkSensor({ ...named, template: 'bosch-bme28' }),
    );
    assert.deepEqual([details.field, details.nearest], ['template', 'bosch-bme280']);
  });

  it('says where the sensor sits, on any bus', () => {
    const address = (communication: object) =>
      registry.checkSensor({ ...bmp580, communication }).address;
    assert.equal(address(i2c('47h')), 'i2c:0x47');
    assert.equal(address(i2c(71)), 'i2c:0x47');
    assert.equal(address({ i2c: { bus: 1, address: '0x47' } }), 'i2c1:0x47');
    assert.equal(address({ primary_protocol: 'SPI', spi: { cs: 5 } }), 'spi:cs5');
    assert.equal(
      address({ primary_protocol: '1-Wire', onewire: { rom: '28-000005E2FDC3' } }),
      'onewire:28-000005e2fdc3',
    );
    assert.equal(address({ gpio: { pin: 4 } }), 'gpio:4');
    assert.equal(address({ modbus: { unit_id: 1 } }), 'modbus:1');
    assert.equal(address({ i2c: { address: '0x47' }, spi: { cs: 5 } }), undefined);
    assert.equal(address({}), undefined);
  });

  it('is refused for an address that cannot be', () => {
    for (const [communication, field] of [
      [i2c('0x80'), 'communication.i2c.address'],
      [i2c('here'), 'communication.i2c.address'],
      [{ primary_protocol: 'telepathy' }, 'communication.primary_protocol'],
      [{ gpio: { pin: 'a b' } }, 'communication.gpio.pin'],
    ] as const) {
      const error = refusedBy(() => registry.checkSensor({ ...bmp580, communication }));
      assert.equal(error.details.field, field);
    }
  });

  it('that is hostile is refused', () => {
    for (const schema of [null, 'BMP580', { ...bmp580, extra: deep() }, { model: 'BMP580' }]) {
      refusedBy(() => registry.checkSensor(schema));
    }
  });
});

describe('the list of schemas', () => {
  it('is sorted, and its pages hold each schema once', () => {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = registry.list({ limit: 7, ...(cursor && { cursor }) });
      assert(page.schemas.length <= 7);
      seen.push(...page.schemas.map(({ name }) => name));
      cursor = page.cursor;
    } while (cursor !== undefined);
    assert.deepEqual(seen, [...new Set(seen)].sort());
    assert(seen.includes('mcu') && seen.includes('bosch-bmp580'));
  });

  it('can be narrowed by kind, manufacturer, model, bus and measurement type', () => {
    const names = (filter: object) => registry.list(filter).schemas.map(({ name }) => name);
    assert.deepEqual(names({ kind: 'device' }), ['mcu']);
    assert.deepEqual(names({ model: 'bmp 58' }), ['bosch-bmp580', 'bosch-bmp581']);
    assert.deepEqual(names({ bus: '1-wire' }), ['maxim-ds18b20']);
    assert(names({ measurement_type: 'co2' }).every((name) => name.startsWith('sensirion-scd')));
    assert.deepEqual(names({ manufacturer: 'Nobody' }), []);
  });

  it('refuses a filter of the wrong shape', () => {
    for (const filter of [null, { limit: 0 }, { limit: 'all' }, { kind: 'car' }, { bus: 'road' }]) {
      refusedBy(() => registry.list(filter), -32602);
    }
  });
});

describe('one schema', () => {
  it('is found by name, by version, and by both in one', () => {
    assert.equal(registry.get('bosch-bme280').version, '1.0.0');
    assert.deepEqual(registry.get('bosch-bme280@1.0.0'), registry.get('bosch-bme280', '1.0.0'));
    assert.equal(registry.get('mcu').kind, 'device');
  });

  it('that is not there is answered with the nearest name or the versions there are', () => {
    const name = refusedBy(() => registry.get('bosch-bme281'), -32602);
    assert.equal(name.details.nearest, 'bosch-bme280');
    const version = refusedBy(() => registry.get('bosch-bme280', '9.0.0'), -32602);
    assert.deepEqual(version.details.allowed, ['1.0.0']);
    refusedBy(() => registry.get('constructor'), -32602);
  });
});
