// What one builds without this package: the nodes that come with Node-RED, and the ones for InfluxDB.

/** What the hub checks in a reading of the load, as a JSON Schema. */
const messageSchema = {
  type: 'object',
  required: ['timestamp', 'data'],
  properties: {
    device_id: { type: 'string', minLength: 1, maxLength: 64 },
    timestamp: { type: 'string', format: 'date-time' },
    data: {
      type: 'object',
      required: ['live_readings'],
      properties: {
        operational_status: { type: 'object' },
        live_readings: {
          type: 'array',
          items: {
            type: 'object',
            required: ['measurement_type', 'value'],
            properties: {
              measurement_type: { const: 'temperature' },
              value: { type: 'number' },
              unit: { const: 'celsius' },
              quality: { enum: ['good', 'uncertain', 'bad'] },
            },
          },
        },
      },
    },
  },
};

const compileOnce = `
const ajv = new Ajv({ allErrors: true });
ajvFormats(ajv, { mode: 'fast' });
context.set('validate', ajv.compile(${JSON.stringify(messageSchema)}));`;

const checkAndConvert = `
const message = msg.payload;
if (!context.get('validate')(message)) {
    node.warn('refused: ' + msg.topic);
    return null;
}
const device = msg.topic.split('/')[2];
for (const { measurement_type, value, unit, quality } of message.data.live_readings) {
    node.send({
        payload: {
            measurement: 'telemetry',
            tags: { device, measurement_type },
            fields: { value, unit, quality },
            timestamp: new Date(message.timestamp),
        },
    });
}
return null;`;

/**
 * `mqtt in` → `json` → `function` → `join` (500 points or a second) → `influx batch`.
 * @param {{ mqttPort: number, influxPort: number }} servers
 */
export const stockFlow = ({ mqttPort, influxPort }) => {
  const common = { z: 'tab', x: 0, y: 0 };
  return [
    { id: 'tab', type: 'tab', label: 'Telemetry' },
    {
      ...{ id: 'broker', type: 'mqtt-broker', broker: '127.0.0.1', port: String(mqttPort) },
      ...{ clientid: 'node-red', autoConnect: true, protocolVersion: '4', keepalive: '60' },
      ...{ cleansession: true, usetls: false },
    },
    {
      ...{ id: 'influx', type: 'influxdb', hostname: '127.0.0.1', port: String(influxPort) },
      ...{ database: 'telemetry', influxdbVersion: '1.x', usetls: false },
    },
    {
      ...{ ...common, id: 'in', type: 'mqtt in', topic: 'llm-iot/devices/+/telemetry', qos: '1' },
      ...{ datatype: 'utf8', broker: 'broker', nl: false, rap: true, rh: 0, inputs: 0 },
      wires: [['parse']],
    },
    {
      ...{ ...common, id: 'parse', type: 'json', property: 'payload', action: 'obj' },
      wires: [['check']],
    },
    {
      ...{ ...common, id: 'check', type: 'function', func: checkAndConvert, outputs: 1 },
      ...{ initialize: compileOnce, finalize: '', timeout: 0, noerr: 0 },
      libs: [
        { var: 'Ajv', module: 'ajv' },
        { var: 'ajvFormats', module: 'ajv-formats' },
      ],
      wires: [['gather']],
    },
    {
      ...{ ...common, id: 'gather', type: 'join', mode: 'custom', build: 'array' },
      ...{ property: 'payload', propertyType: 'msg', key: 'topic', joiner: '', joinerType: 'str' },
      ...{ useparts: false, accumulate: false, timeout: '1', count: '500' },
      wires: [['write']],
    },
    {
      ...{ ...common, id: 'write', type: 'influxdb batch', influxdb: 'influx', precision: 'ms' },
      ...{ retentionPolicy: '', wires: [] },
    },
  ];
};
