import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connectAsync, type MqttClient } from 'mqtt';
import { WebSocket } from 'ws';
import type { RunningHub } from './hub-process.ts';
import { until } from './until.ts';

/** A JSON-RPC response; results are looked at by the tests themselves. */
export interface RpcResponse {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read whatever the hub answers
  result?: any;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read whatever the hub answers
  error?: { code: number; message: string; data?: any };
}

/** One call over HTTP, with the admin key unless another is given. */
export async function call(
  hub: Pick<RunningHub, 'url' | 'adminKey'>,
  method: string,
  params: object = {},
  key: string = hub.adminKey,
): Promise<RpcResponse> {
  const response = await fetch(`${hub.url}/rpc`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  return (await response.json()) as RpcResponse;
}

/** As `call`, but an error fails the test. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read whatever the hub answers
export async function ask(...args: Parameters<typeof call>): Promise<any> {
  const { result, error } = await call(...args);
  assert.equal(error, undefined, `${args[1]}: ${JSON.stringify(error)}`);
  return result;
}

/** Asks again until the answer fits, for what happens in its own time; fails after the deadline. */
export const eventually = <T>(
  what: string,
  attempt: () => T | false | undefined | Promise<T | false | undefined>,
  deadlineMs = 8_000,
): Promise<NonNullable<T>> => until(what, attempt, deadlineMs);

export const esp32 = (hardwareId?: string, more: object = {}): object => ({
  device_type: 'mcu',
  static_schema: {
    manufacturer: 'Espressif',
    model: 'ESP32-S3',
    firmware_version: '1.2.0',
    ...(hardwareId ? { hardware_id: hardwareId } : {}),
    ...more,
  },
});

/** A device over MQTT: registered, connected with its own key, answering commands. */
export interface TestDevice {
  id: string;
  key: string;
  /** Only of a device with a critical command. */
  signingSecret?: string;
  mqtt: MqttClient;
  publish(branch: 'telemetry' | 'status' | 'command/response', payload: unknown): Promise<void>;
  /** Answers every command with what this returns: `{ result }` or `{ error }`; undefined stays silent. */
  onCommand(
    answer: (command: { id: string; method: string; params: object }) => object | undefined,
  ): Promise<void>;
  end(): Promise<void>;
}

export async function joinDevice(
  hub: RunningHub,
  registration: object = esp32(),
  options: { will?: boolean; protocolVersion?: 4 | 5 } = {},
): Promise<TestDevice> {
  const {
    device_id: id,
    api_key: key,
    signing_secret: signingSecret,
  } = await ask(hub, 'device.register', registration, hub.registrationKey);
  const topic = (branch: string): string => `llm-iot/devices/${id}/${branch}`;
  const mqtt = await connectAsync(hub.mqttUrl, {
    username: id,
    password: key,
    clientId: `device-${id}`,
    protocolVersion: options.protocolVersion ?? 5,
    reconnectPeriod: 0,
    ...(options.will
      ? {
          will: {
            topic: topic('status'),
            payload: Buffer.from('{"status":"offline"}'),
            qos: 1,
            retain: true,
          },
        }
      : {}),
  });
  return {
    id,
    key,
    ...(signingSecret !== undefined && { signingSecret }),
    mqtt,
    async publish(branch, payload) {
      const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
      await mqtt.publishAsync(topic(branch), body, { qos: 1 });
    },
    async onCommand(answer) {
      mqtt.on('message', (_topic, payload) => {
        const command = JSON.parse(payload.toString());
        const outcome = answer(command);
        if (outcome)
          mqtt.publish(
            topic('command/response'),
            JSON.stringify({ jsonrpc: '2.0', id: command.id, ...outcome }),
            { qos: 1 },
          );
      });
      await mqtt.subscribeAsync(topic('command/request'), { qos: 1 });
    },
    async end() {
      await mqtt.endAsync(true);
    },
  };
}

export const temperature = (value: number, more: object = {}): object => ({
  measurement_type: 'temperature',
  value,
  unit: 'celsius',
  ...more,
});

/** A WebSocket that keeps what it receives. */
export async function openSocket(
  hub: Pick<RunningHub, 'url' | 'adminKey'>,
  key: string = hub.adminKey,
) {
  const socket = new WebSocket(`${hub.url.replace('http', 'ws')}/ws`, {
    headers: { authorization: `Bearer ${key}` },
  });
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read whatever the hub sends
  const received: any[] = [];
  socket.on('message', (data) => received.push(JSON.parse((data as Buffer).toString())));
  await once(socket, 'open');
  let nextId = 1;
  return {
    socket,
    received,
    updates: () =>
      received.filter(({ method }) => method === 'stream.update').map(({ params }) => params),
    async call(method: string, params: object = {}): Promise<RpcResponse> {
      const id = nextId++;
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
      return eventually(`answer of ${method}`, () =>
        Promise.resolve(received.find((message) => message.id === id)),
      );
    },
    async close() {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** What Node-RED runs now. */
export async function getFlow(hub: RunningHub): Promise<FlowNode[]> {
  return (await (await fetch(`${hub.url}/flows`)).json()) as FlowNode[];
}

/** Deploys as the editor does. */
export async function deploy(
  hub: RunningHub,
  flow: FlowNode[],
  type: 'full' | 'nodes' | 'flows' = 'full',
): Promise<void> {
  const response = await fetch(`${hub.url}/flows`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'node-red-deployment-type': type },
    body: JSON.stringify(flow),
  });
  assert.ok(response.ok, `deploy: ${response.status}`);
}

/** Presses the button of an inject node, once the node is there. */
export async function press(hub: RunningHub, injectId: string): Promise<void> {
  await eventually(`the button ${injectId}`, async () => {
    const { status } = await fetch(`${hub.url}/inject/${injectId}`, { method: 'POST' });
    return status === 200;
  });
}

/** Waits until the hub answers again, after a deploy that changed its own configuration. */
export async function hubIsUp(hub: RunningHub): Promise<void> {
  await eventually('the hub is up', () =>
    call(hub, 'hub.health').then(
      ({ result }) => result?.status === 'up',
      () => false,
    ),
  );
}

export interface FlowNode {
  id: string;
  type: string;
  z?: string;
  name?: string;
  wires?: string[][];
  [property: string]: unknown;
}
