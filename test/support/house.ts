import { connectAsync, type MqttClient } from 'mqtt';
import type { RunningHub } from './hub-process.ts';

/** A sensor node of a room; every one has its own hardware id. */
export const roomNode = (room: string, more: object = {}): object => ({
  device_type: 'mcu',
  name: `${room} node`,
  location: room,
  labels: { house: 'yes' },
  static_schema: {
    manufacturer: 'Espressif',
    model: 'ESP32-S3',
    firmware_version: '1.2.0',
    hardware_id: `house-${room}`,
    measurements: [
      { measurement_type: 'temperature', unit: 'celsius', range: { min: -40, max: 85 } },
      { measurement_type: 'humidity', unit: 'percent', range: { min: 0, max: 100 } },
    ],
  },
  ...more,
});

/** The energy meter, whose load can be switched. */
export const energyMeter = (hardwareId: string): object => ({
  device_type: 'meter',
  name: 'energy meter',
  location: 'hall',
  static_schema: {
    manufacturer: 'Shelly',
    model: 'Pro EM-50',
    firmware_version: '2.0.1',
    hardware_id: hardwareId,
    measurements: [{ measurement_type: 'energy', unit: 'watt_hour', range: { min: 0 } }],
    commands: {
      switch_load: {
        arguments: {
          type: 'object',
          properties: { state: { enum: ['on', 'off'] } },
          required: ['state'],
          additionalProperties: false,
        },
      },
      configure: { arguments: { type: 'object' } },
      read_meter: {},
    },
  },
});

/** What one `POST /rpc` was answered. */
export interface RawAnswer {
  status: number;
  headers: Headers;
  text: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read whatever the hub answers
  json: any;
}

/** Posts a body as it is. `key: null` sends none. */
export async function post(
  hub: RunningHub,
  body: string | Uint8Array,
  key: string | null = hub.adminKey,
): Promise<RawAnswer> {
  const response = await fetch(`${hub.url}/rpc`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
    },
    body: body as never,
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: text === '' ? undefined : JSON.parse(text),
  };
}

/** An MQTT message somebody heard. */
export interface Heard {
  topic: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read whatever the hub publishes
  json: any;
  retain: boolean;
  correlation: string | undefined;
}

/** Listens with the admin key and keeps what it hears. */
export async function listen(
  hub: RunningHub,
  ...filters: string[]
): Promise<{ heard: Heard[]; mqtt: MqttClient; end(): Promise<void> }> {
  const mqtt = await connectAsync(hub.mqttUrl, {
    username: 'admin',
    password: hub.adminKey,
    protocolVersion: 5,
    reconnectPeriod: 0,
  });
  const heard: Heard[] = [];
  keepWhatComes(mqtt, heard);
  await mqtt.subscribeAsync(filters, { qos: 1 });
  return { heard, mqtt, end: () => mqtt.endAsync(true) };
}

/** Collects what a client receives; payloads that are not JSON stay text. */
export function keepWhatComes(mqtt: MqttClient, heard: Heard[]): void {
  mqtt.on('message', (topic, payload, packet) => {
    const text = payload.toString();
    heard.push({
      topic,
      json: parsed(text),
      retain: packet.retain,
      correlation: packet.properties?.correlationData?.toString(),
    });
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
