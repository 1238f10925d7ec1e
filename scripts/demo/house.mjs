// The ten devices of the house, as their firmware would describe them.

/**
 * @typedef {object} Reading
 * @property {string} measurement_type
 * @property {number} value
 * @property {string} unit
 * @property {'uncertain'} [quality] absent means good
 *
 * @typedef {object} DeviceDesign
 * @property {string} key short and stable: names the device in the state file and in client ids
 * @property {4 | 5} protocolVersion of MQTT; a house has old parts too
 * @property {Record<string, unknown>} registration params of `device.register`
 * @property {Record<string, unknown>} [sensor] static schema of its sensor; without one it measures itself
 * @property {{ bus: string, address: string }} [scan] what it sees on its bus before it knows the sensor
 * @property {(row: import('./recording.mjs').Row) => Reading[]} read
 */

/** Where the failing humidity sensor of the outside node ends: it never says less. */
const stuckHumidity = 1;

const rooms = [
  'kitchen',
  'living_room',
  'laundry_room',
  'office',
  'bathroom',
  'outside_north',
  'ironing_room',
  'teenager_room',
  'parents_room',
];
const oldRooms = ['laundry_room', 'ironing_room'];

const configure = {
  description: 'How often it reports, in seconds.',
  arguments: {
    type: 'object',
    properties: { telemetry_interval: { type: 'integer', minimum: 1, maximum: 3600 } },
    required: ['telemetry_interval'],
    additionalProperties: false,
  },
};

/** @param {string} room */
const spoken = (room) => room.replaceAll('_', ' ');

/** @param {string} hardwareId */
const controller = (hardwareId) => ({
  manufacturer: 'Espressif',
  hardware_id: hardwareId,
  communication_protocols: { wifi: { standard: '802.11 b/g/n' }, mqtt: {} },
});

/** @param {string} room @param {number} index @returns {DeviceDesign} */
function sensorNode(room, index) {
  const hardwareId = `house-demo-node-${index + 1}`;
  return {
    key: room,
    protocolVersion: oldRooms.includes(room) ? 4 : 5,
    registration: {
      device_type: 'mcu',
      name: `${spoken(room)} node`,
      location: spoken(room),
      labels: { demo: 'house', kind: 'climate' },
      hardware_id: hardwareId,
      static_schema: {
        ...controller(hardwareId),
        model: 'ESP32-C3',
        firmware_version: '1.4.0',
        memory: { flash_kb: 4096, ram_kb: 400 },
        commands: {
          read_sensor: {
            description: 'Measures now and answers the value.',
            arguments: { sensor_type: { type: 'string', enum: ['temperature', 'humidity'] } },
            read_only: true,
          },
          blink: {
            description: 'Blinks its light, so that a person finds it.',
            arguments: { times: { type: 'integer', minimum: 1, maximum: 20 } },
          },
          configure,
        },
      },
    },
    scan: { bus: 'i2c', address: '0x44' },
    sensor: {
      manufacturer: 'Sensirion',
      model: 'SHT31',
      communication: { primary_protocol: 'I2C', i2c: { address: '0x44' } },
      // Without this the hub would offer what the SHT31's template can do, and nobody here does that.
      commands: {},
      measurements: [
        {
          measurement_type: 'temperature',
          unit: 'celsius',
          value_type: 'number',
          range: { min: -40, max: 125 },
        },
        {
          measurement_type: 'humidity',
          unit: 'percent',
          value_type: 'number',
          range: { min: 0, max: 100 },
        },
      ],
    },
    read(row) {
      const humidity = row.numbers[`${room}_humidity_percent`];
      return [
        {
          measurement_type: 'temperature',
          value: row.numbers[`${room}_temperature_celsius`],
          unit: 'celsius',
        },
        {
          measurement_type: 'humidity',
          value: humidity,
          unit: 'percent',
          ...(humidity <= stuckHumidity && { quality: 'uncertain' }),
        },
      ];
    },
  };
}

/** @type {DeviceDesign} */
const energyMeter = {
  key: 'energy_meter',
  protocolVersion: 5,
  registration: {
    device_type: 'mcu',
    name: 'energy meter',
    location: 'utility cupboard',
    labels: { demo: 'house', kind: 'energy' },
    hardware_id: 'house-demo-meter',
    static_schema: {
      ...controller('house-demo-meter'),
      model: 'ESP32-S3',
      firmware_version: '2.0.1',
      memory: { flash_kb: 8192, ram_kb: 512 },
      measurements: [
        {
          measurement_type: 'appliances_energy',
          unit: 'watt_hour',
          value_type: 'number',
          range: { min: 0, max: 5000 },
        },
        {
          measurement_type: 'lights_energy',
          unit: 'watt_hour',
          value_type: 'number',
          range: { min: 0, max: 5000 },
        },
      ],
      commands: {
        set_load: {
          description: 'Switches the load of the house on or off.',
          arguments: { on: 'boolean' },
          destructive: true,
        },
        get_load: { description: 'Whether the load is on.', arguments: {}, read_only: true },
        configure,
      },
    },
  },
  read: (row) => [
    {
      measurement_type: 'appliances_energy',
      value: row.numbers.appliances_energy_wh,
      unit: 'watt_hour',
    },
    { measurement_type: 'lights_energy', value: row.numbers.lights_energy_wh, unit: 'watt_hour' },
  ],
};

/** @type {readonly DeviceDesign[]} */
export const house = [...rooms.map(sensorNode), energyMeter];
