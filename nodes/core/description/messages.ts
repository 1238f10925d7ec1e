import type { JsonSchema, MethodDeclaration } from '../rpc/types.ts';
import { channelKinds, methodsChannel } from '../stream/types.ts';
import type { TopicBranch } from '../topic/types.ts';
import { withoutRefs } from './plain-schema.ts';

type Messages = Record<string, object>;

/** Commands that are described one by one; devices register as many as they like. */
const mostCommands = 100;

/** What a topic is for, and what the hub does there. */
export const topicTexts: Record<TopicBranch, { action: 'send' | 'receive'; description: string }> =
  {
    announce: {
      action: 'receive',
      description: 'Devices register, and announce sensors and methods',
    },
    query: { action: 'send', description: 'Asks all devices to announce themselves again' },
    'discovery-response': { action: 'send', description: 'The answer to an announcement' },
    telemetry: { action: 'receive', description: 'Readings of a device or sensor' },
    status: {
      action: 'receive',
      description: 'Whether a device is there; its last will, retained',
    },
    'command-request': {
      action: 'send',
      description: 'A command for a device; the hub alone sends',
    },
    'command-response': { action: 'receive', description: 'What a device says to a command' },
    'alert-error': { action: 'send', description: 'Errors: raised, acknowledged, cleared' },
    'alert-warning': { action: 'send', description: 'Warnings: raised, acknowledged, cleared' },
  };

const text = { type: 'string' };
const dateTime = { type: 'string', format: 'date-time' };
const version = { const: '2.0' };
const id = { type: ['string', 'number'] };

const error = {
  type: 'object',
  properties: { code: { type: 'integer' }, message: text, data: {} },
  required: ['code', 'message'],
};

/** The answer of every call. */
export const response: object = {
  name: 'response',
  summary: 'The answer of a call: a result, or an error with what repairs the call in `data`.',
  payload: {
    type: 'object',
    properties: { jsonrpc: version, id: { type: ['string', 'number', 'null'] }, result: {}, error },
    required: ['jsonrpc', 'id'],
  },
};

/** What subscribers are told. */
export const streamUpdate: object = {
  name: 'stream.update',
  summary: 'An update of a channel; `data` of a device was written by the device.',
  payload: {
    type: 'object',
    properties: {
      jsonrpc: version,
      method: { const: 'stream.update' },
      params: {
        type: 'object',
        properties: {
          channel: {
            ...text,
            description: `device.{id}.{${channelKinds.join('|')}}, or ${methodsChannel}`,
          },
          timestamp: dateTime,
          data: { type: 'object' },
          untrusted: { type: 'array', items: text },
          dropped: { type: 'integer', description: 'Updates lost since the one before' },
        },
        required: ['channel', 'timestamp', 'data'],
      },
    },
    required: ['jsonrpc', 'method', 'params'],
  },
};

const reading: JsonSchema = {
  type: 'object',
  properties: {
    measurement_type: text,
    value: { type: ['number', 'string', 'boolean'] },
    unit: text,
    quality: { enum: ['good', 'uncertain', 'bad'] },
    timestamp: { type: ['string', 'number'], description: 'ISO 8601, or milliseconds since 1970' },
    sensor_id: text,
  },
  required: ['measurement_type', 'value'],
};
const readings = { type: 'array', items: reading };

const callOf = (methods: readonly string[]): JsonSchema => ({
  type: 'object',
  properties: { jsonrpc: version, id, method: { enum: methods }, params: { type: 'object' } },
  required: ['jsonrpc', 'method', 'params'],
});

const alarm: JsonSchema = {
  type: 'object',
  properties: {
    alert_id: text,
    device_id: text,
    kind: text,
    severity: { enum: ['error', 'warning'] },
    state: { enum: ['raised', 'acknowledged', 'cleared'] },
    message: text,
    raised_at: dateTime,
  },
};

/**
 * The messages of each branch of the topic tree.
 * @param ofDevices methods that devices registered: each is a command with arguments of its own
 */
export function messagesOfTopics(
  ofDevices: readonly MethodDeclaration[],
): Record<TopicBranch, Messages> {
  const alert = { name: 'alert', summary: 'An alarm.', payload: alarm };
  return {
    announce: {
      announcement: {
        name: 'announcement',
        summary: 'A JSON-RPC call of a device.',
        payload: callOf([
          ...['device.register', 'sensor.discover', 'device.register_method', 'device.heartbeat'],
        ]),
      },
    },
    query: {
      query: { name: 'query', summary: 'Announce yourself.', payload: { type: 'object' } },
    },
    'discovery-response': { announced: { ...response, name: 'announced' } },
    telemetry: {
      telemetry: {
        name: 'telemetry',
        summary: 'Readings, in any of these forms.',
        payload: {
          anyOf: [
            {
              type: 'object',
              properties: {
                timestamp: { type: ['string', 'number'] },
                data: {
                  type: 'object',
                  properties: { operational_status: { type: 'object' }, live_readings: readings },
                },
              },
              required: ['data'],
            },
            reading,
            readings,
            callOf(['telemetry.update']),
          ],
        },
      },
    },
    status: {
      status: {
        name: 'status',
        summary: 'Online or offline, or a heartbeat.',
        payload: {
          anyOf: [
            { enum: ['online', 'offline'] },
            { type: 'object', properties: { status: text }, required: ['status'] },
            callOf(['device.heartbeat']),
          ],
        },
      },
    },
    'command-request': {
      command: {
        name: 'command',
        summary: 'A command the device declares; a critical one carries `body` and `signature`.',
        payload: commandOf(text, { type: 'object' }),
      },
      ...Object.fromEntries(
        ofDevices.slice(0, mostCommands).map(({ name, params }) => [
          `command.${name}`,
          {
            name,
            summary: 'A command that devices registered.',
            payload: commandOf({ const: name }, argumentsOf(params)),
            'x-untrusted': ['name', 'payload'],
          },
        ]),
      ),
    },
    'command-response': { answer: { ...response, name: 'answer' } },
    'alert-error': { alert },
    'alert-warning': { alert },
  };
}

const commandOf = (method: JsonSchema, params: JsonSchema): JsonSchema => ({
  type: 'object',
  properties: {
    jsonrpc: version,
    id: text,
    method,
    params,
    body: { ...text, description: 'What is signed: JSON with device_id, id, method and params' },
    signature: { type: 'object', description: 'Of Standard Webhooks' },
  },
  required: ['jsonrpc', 'id', 'method', 'params'],
});

/** Params of the hub's method, less what the hub itself takes from them. */
const ofHub = new Set(['device_id', 'signature', 'request_key']);

function argumentsOf(params: JsonSchema): JsonSchema {
  const { properties, required, ...rest } = withoutRefs(params) as {
    properties?: Record<string, unknown>;
    required?: string[];
  };
  const own = Object.entries(properties ?? {}).filter(([name]) => !ofHub.has(name));
  const needed = (required ?? []).filter((name) => !ofHub.has(name));
  return {
    ...rest,
    properties: Object.fromEntries(own),
    ...(needed.length > 0 && { required: needed }),
  };
}
