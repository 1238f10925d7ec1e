import { ask, eventually, joinDevice, temperature, type TestDevice } from './hub-client.ts';
import type { RunningHub } from './hub-process.ts';

/** A call as a model might get it wrong. */
export interface Mistake {
  title: string;
  /** The request, with `jsonrpc` and `id` unless it is a list. */
  request: object | object[];
  /** What the world is like when the call is made. */
  before?: () => Promise<void>;
  /** What happens while the caller waits. */
  meanwhile?: () => Promise<void>;
}

/** A house with two devices in which mistakes are made. */
export interface MistakeSite {
  mistakes: Mistake[];
  end(): Promise<void>;
}

const heater = {
  device_type: 'heater',
  name: 'boiler',
  location: 'cellar',
  static_schema: {
    manufacturer: 'Vaillant',
    model: 'ecoTEC',
    firmware_version: '1.0.0',
    hardware_id: 'mistakes-boiler',
    measurements: [
      { measurement_type: 'temperature', unit: 'celsius', range: { min: -40, max: 120 } },
      { measurement_type: 'fault', value_type: 'string' },
    ],
    commands: {
      heat: {
        arguments: {
          type: 'object',
          properties: {
            target: { type: 'number', minimum: 5, maximum: 80 },
            mode: { enum: ['eco', 'comfort', 'boost'] },
            minutes: { type: 'integer', minimum: 1 },
            quiet: { type: 'boolean' },
          },
          required: ['target'],
          additionalProperties: false,
        },
      },
      stop: {},
    },
  },
};

export async function openMistakeSite(hub: RunningHub): Promise<MistakeSite> {
  const boiler = await joinDevice(hub, heater);
  const spare = { ...heater, name: 'spare boiler' };
  const sleeper = await joinDevice(hub, {
    ...spare,
    static_schema: { ...heater.static_schema, hardware_id: 'mistakes-sleeper' },
  });
  /** Commands that wait for their answer. */
  const held: (() => void)[] = [];
  let holds = false;
  const answers = async (device: TestDevice): Promise<void> => {
    await device.onCommand(({ id, method }) => {
      const answer = { result: { did: method } };
      if (!holds) return answer;
      held.push(() => void device.publish('command/response', { jsonrpc: '2.0', id, ...answer }));
      return undefined;
    });
  };
  await answers(boiler);
  await answers(sleeper);
  await boiler.publish('telemetry', [
    temperature(60, { timestamp: '2026-01-01T10:00:00Z' }),
    { measurement_type: 'fault', value: 'F28', timestamp: '2026-01-01T10:00:00Z' },
  ]);
  await eventually('the readings are there', async () => {
    const { readings } = await ask(hub, 'telemetry.latest', { device_id: boiler.id });
    return readings.length === 2;
  });

  const { id } = boiler;
  const range = { start: '2026-01-01T00:00:00Z', end: '2026-01-02T00:00:00Z' };
  const query = (more: object): object => ({ device_ids: [id], time_range: range, ...more });
  const heat = (args: object, more: object = {}): object => ({
    device_id: id,
    command: 'heat',
    arguments: { target: 40, ...args },
    ...more,
  });
  const calls: [title: string, method: string, params: unknown][] = [
    ['a misspelt method', 'device.lits', {}],
    ['a method in the plural', 'devices.list', {}],
    ['a method in other letters', 'Device.List', {}],
    ['a method with an underscore', 'device_list', {}],
    ['a method with two letters missing', 'telemtry.latst', { device_id: id }],
    ['no device', 'device.get', {}],
    ['a misspelt device', 'device.get', { device_id: 'boilr' }],
    ['a device by its name', 'telemetry.latest', { device_id: 'boiler' }],
    ['a device nobody knows', 'device.get', { device_id: 'submarine seven' }],
    ['a device that is a number', 'device.get', { device_id: 7 }],
    ['a device by another field', 'device.get', { id }],
    ['a device in the field "device"', 'device.get', { device: id }],
    ['devices in a list that is none', 'data.query', query({ device_ids: id })],
    ['a device in the singular', 'data.query', { device_id: id, time_range: range }],
    ['a device by its name in a list', 'data.query', query({ device_ids: ['boiler'] })],
    ['a misspelt word', 'device.list', { status: 'onlin' }],
    ['a word of another meaning', 'device.list', { status: 'sleeping' }],
    ['another word for it', 'device.list', { status: 'connected' }],
    ['a limit that is too high', 'device.list', { limit: 5_000 }],
    ['a limit of none', 'device.list', { limit: 0 }],
    ['a limit that is a text', 'device.list', { limit: '10' }],
    ['a limit with a fraction', 'device.list', { limit: 2.5 }],
    ['a misspelt param', 'device.list', { limt: 5 }],
    ['a param by another name', 'device.list', { max_results: 5 }],
    ['a param there is not', 'device.list', { colour: 'red' }],
    ['three mistakes at once', 'device.list', { stauts: 'online', limit: '5', colour: 'red' }],
    ['a cursor of its own making', 'device.list', { cursor: 'page-2' }],
    ['a misspelt command', 'device.execute', heat({}, { command: 'haet' })],
    ['a command the device has not', 'device.execute', heat({}, { command: 'explode' })],
    ['no argument', 'device.execute', { device_id: id, command: 'heat' }],
    ['an argument that is a text', 'device.execute', heat({ target: '45' })],
    ['an argument with a comma', 'device.execute', heat({ target: '45,5' })],
    ['an argument that is too high', 'device.execute', heat({ target: 400 })],
    ['an argument that is too low', 'device.execute', heat({ target: -3 })],
    ['an argument with a misspelt value', 'device.execute', heat({ mode: 'bost' })],
    ['an argument of no allowed value', 'device.execute', heat({ mode: 'volcano' })],
    ['a misspelt argument', 'device.execute', heat({ minuts: 5 })],
    ['a truth that is a text', 'device.execute', heat({ quiet: 'yes' })],
    [
      'arguments by another name',
      'device.execute',
      { device_id: id, command: 'heat', args: { target: 40 } },
    ],
    ['a command by another name', 'device.execute', { device_id: id, cmd: 'stop' }],
    ['arguments written as text', 'device.execute', heat({}, { arguments: '{"target":40}' })],
    ['a timeout in seconds', 'device.execute', heat({}, { timeout_ms: 5 })],
    ['a timeout that is a text', 'device.execute', heat({}, { timeout_ms: '5000' })],
    [
      'an aggregation by another name',
      'data.query',
      query({ aggregation: 'mean', measurement_types: ['temperature'] }),
    ],
    [
      'an aggregation that numbers need',
      'data.query',
      query({ aggregation: 'avg', measurement_types: ['fault'] }),
    ],
    [
      'a misspelt aggregation',
      'data.query',
      query({ aggregation: 'mediam', measurement_types: ['temperature'] }),
    ],
    ['an interval in words', 'data.query', query({ aggregation: 'count', interval: '15 minutes' })],
    ['an interval by ISO 8601', 'data.query', query({ aggregation: 'count', interval: 'PT1H' })],
    ['an interval by its name', 'data.query', query({ aggregation: 'count', interval: 'hourly' })],
    [
      'an interval in a unit there is not',
      'data.query',
      query({ aggregation: 'count', interval: '2w' }),
    ],
    [
      'an interval nobody understands',
      'data.query',
      query({ aggregation: 'count', interval: 'often' }),
    ],
    [
      'an interval by another name',
      'data.query',
      query({ aggregation: 'count', granularity: '1h' }),
    ],
    ['an interval without an aggregation', 'data.query', query({ interval: '1h' })],
    [
      'too many intervals',
      'data.query',
      query({
        aggregation: 'count',
        interval: '1s',
        time_range: { start: '1980-01-01', end: '2026-01-01' },
      }),
    ],
    [
      'an end before the start',
      'data.query',
      query({ time_range: { start: range.end, end: range.start } }),
    ],
    [
      'a time that is none',
      'data.query',
      query({ time_range: { start: 'long ago', end: range.end } }),
    ],
    [
      'a day that does not exist',
      'data.query',
      query({ time_range: { start: '2025-02-30', end: range.end } }),
    ],
    [
      'a time that is a number as text',
      'data.query',
      query({ time_range: { start: '1735689600000', end: range.end } }),
    ],
    [
      'times beside the range',
      'data.query',
      { device_ids: [id], start_time: range.start, end_time: range.end },
    ],
    [
      'times by other names',
      'data.query',
      query({ time_range: { from: range.start, to: range.end } }),
    ],
    ['a misspelt time zone', 'data.query', query({ time_zone: 'Europe/Brusels' })],
    ['a time zone by another name', 'data.query', query({ timezone: 'Europe/Brussels' })],
    ['one measurement for a list', 'data.query', query({ measurement_types: 'temperature' })],
    ['a measurement by another name', 'data.query', query({ metrics: ['temperature'] })],
    ['a state by another name', 'alert.list', { state: 'open' }],
    ['a severity there is not', 'alert.list', { severity: 'catastrophic' }],
    ['a misspelt schema', 'schema.get', { name: 'bosch-bme28' }],
    ['a version there is not', 'schema.get', { name: 'bosch-bme280', version: '9.9.9' }],
    ['a kind there is not', 'schema.list', { kind: 'sensors' }],
    [
      'a number out of range in a method of a flow',
      'comfort.assess',
      { temperature: 21, humidity: 140 },
    ],
    [
      'more devices than a batch takes',
      'device.batch_execute',
      { device_ids: [id, ...Array.from({ length: 149 }, (_, i) => `gone-${i}`)], command: 'stop' },
    ],
    [
      'a device twice in a batch',
      'device.batch_execute',
      { device_ids: [id, id], command: 'stop' },
    ],
    ['one device for a batch', 'device.batch_execute', { device_ids: id, command: 'stop' }],
  ];
  const request = (method: string, params: unknown): object => ({
    ...{ jsonrpc: '2.0', id: 1 },
    ...{ method, params },
  });
  const mistakes: Mistake[] = [
    ...calls.map(([title, method, params]) => ({ title, request: request(method, params) })),
    { title: 'another JSON-RPC', request: { jsonrpc: '1.0', id: 1, method: 'device.list' } },
    {
      title: 'too large a batch of requests',
      request: Array.from({ length: 150 }, (_, n) => ({ ...request('hub.health', {}), id: n })),
    },
    {
      title: 'a device that is busy',
      request: request('device.execute', heat({})),
      async before() {
        holds = true;
        void ask(hub, 'device.execute', { device_id: id, command: 'stop' });
        await eventually('the device has a command', () => held.length > 0);
        holds = false;
      },
      async meanwhile() {
        for (const answer of held.splice(0)) answer();
        await eventually('the device is free', async () => {
          const info = await ask(hub, 'hub.info');
          return info.commands.pending === 0;
        });
      },
    },
    {
      title: 'a device that is offline',
      request: request('device.execute', { device_id: sleeper.id, command: 'stop' }),
      async before() {
        await ask(
          hub,
          'device.heartbeat',
          { device_id: sleeper.id, status: 'offline' },
          sleeper.key,
        );
      },
      async meanwhile() {
        await ask(
          hub,
          'device.heartbeat',
          { device_id: sleeper.id, status: 'online' },
          sleeper.key,
        );
      },
    },
  ];
  return {
    mistakes,
    async end() {
      await boiler.end();
      await sleeper.end();
    },
  };
}
