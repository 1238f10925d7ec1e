// A device of the house in operation: one MQTT connection of its own.
import { carryOut, loadIsOn } from './commands.mjs';
import { connect, openDiscovery, publish } from './mqtt-connection.mjs';

/** A persistent session is kept for a day; within it no command is lost. */
const sessionSeconds = 86_400;

/**
 * @typedef {object} Device
 * @property {string} deviceId
 * @property {string} name
 * @property {boolean} resumed
 * @property {string} sensor what it found on its bus, for a person; empty without one
 * @property {import('mqtt').MqttClient} client
 * @property {(moments: readonly import('./recording.mjs').Moment[]) => Promise<number>} replay sends recorded
 *   moments as one message; resolves with how many readings were acknowledged
 * @property {(moment: import('./recording.mjs').Moment) => Promise<number>} report sends what it measures now
 * @property {() => Promise<void>} stop says goodbye and disconnects
 */

/**
 * Connects a member of the hub with its own key: will, presence, commands, and its sensor.
 * @param {import('./house.mjs').DeviceDesign} design
 * @param {string} url of the broker
 * @param {import('./join.mjs').Membership} member
 * @returns {Promise<Device>}
 */
export async function startDevice(design, url, member) {
  const id = member.device_id;
  const base = `llm-iot/devices/${id}`;
  const started = Date.now();
  const declared = /** @type {any} */ (design.registration.static_schema).commands;
  /** @type {import('./commands.mjs').DeviceMemory} */
  const memory = { config: { ...member.applied_config }, lastReadings: [] };

  const client = await connect(
    url,
    {
      protocolVersion: design.protocolVersion,
      clientId: id,
      username: id,
      password: member.api_key,
      clean: false,
      ...(design.protocolVersion === 5 && {
        properties: { sessionExpiryInterval: sessionSeconds },
      }),
      will: {
        topic: `${base}/status`,
        payload: Buffer.from('{"status":"offline"}'),
        qos: 1,
        retain: true,
      },
    },
    `key of the ${design.registration.name}`,
  );
  try {
    const sayOnline = () =>
      publish(client, `${base}/status`, { status: 'online' }, { retain: true });
    const ask = await openDiscovery(client);

    client.on('message', (topic, payload) => {
      if (topic === `${base}/command/request`)
        detached(
          publish(
            client,
            `${base}/command/response`,
            carryOut(JSON.parse(payload.toString()), declared, memory),
          ),
        );
      if (topic === 'llm-iot/discovery/query') detached(ask('device.register', identified()));
    });
    const identified = () => ({ ...design.registration, device_id: id });

    await client.subscribeAsync([`${base}/command/request`, 'llm-iot/discovery/query'], { qos: 1 });
    await sayOnline();
    // After a broken connection the will has said "offline"; that has to be taken back.
    client.on('connect', () => detached(sayOnline()));
    const { reportsAs, sensor } = await discoverSensor(ask, design, id);

    const heartbeat = setInterval(
      () =>
        detached(
          publish(client, `${base}/status`, {
            status: 'online',
            uptime_s: Math.round((Date.now() - started) / 1000),
          }),
        ),
      member.heartbeat_interval * 1000,
    );

    const telemetry = `llm-iot/devices/${reportsAs}/telemetry`;
    return {
      deviceId: id,
      name: String(design.registration.name),
      resumed: member.resumed,
      sensor,
      client,
      async replay(moments) {
        const readings = moments.flatMap(({ timestamp, row }) => {
          memory.lastReadings = design.read(row);
          return memory.lastReadings.map((reading) => ({ ...reading, timestamp: iso(timestamp) }));
        });
        if (readings.length > 0) await publish(client, telemetry, readings);
        return readings.length;
      },
      async report({ timestamp, row }) {
        memory.lastReadings = measured(design.read(row), memory);
        await publish(client, telemetry, {
          timestamp: iso(timestamp),
          data: { live_readings: memory.lastReadings },
        });
        return memory.lastReadings.length;
      },
      async stop() {
        clearInterval(heartbeat);
        if (client.connected)
          await publish(client, `${base}/status`, { status: 'offline' }, { retain: true });
        await client.endAsync(!client.connected);
      },
    };
  } catch (error) {
    await client.endAsync(true);
    throw error;
  }
}

/** No energy flows through a load that is off. @param {import('./house.mjs').Reading[]} readings @param {import('./commands.mjs').DeviceMemory} memory */
const measured = (readings, memory) =>
  readings.map((reading) =>
    reading.unit === 'watt_hour' && !loadIsOn(memory) ? { ...reading, value: 0 } : reading,
  );

/**
 * First only what the bus scan saw, to learn what it may be; then the whole schema.
 * @param {(method: string, params: object) => Promise<any>} ask
 * @param {import('./house.mjs').DeviceDesign} design @param {string} id
 * @returns {Promise<{ reportsAs: string, sensor: string }>} the id its readings belong to, and what was found
 */
async function discoverSensor(ask, design, id) {
  if (!design.sensor) return { reportsAs: id, sensor: '' };
  const { candidates } = await ask('sensor.discover', { mcu_id: id, scan: design.scan });
  const { sensor_id: sensorId } = await ask('sensor.discover', {
    mcu_id: id,
    static_schema: design.sensor,
  });
  const others = candidates.map((/** @type {any} */ { model }) => model).slice(0, 3);
  const sensor = `${design.sensor.model} at ${design.scan?.address} (${candidates.length} candidates: ${others.join(', ')} …)`;
  return { reportsAs: sensorId, sensor };
}

/** @param {number} time */
const iso = (time) => new Date(time).toISOString();

/** Nobody waits for this: a device that cannot send tries again with its next message. @param {Promise<unknown>} work */
function detached(work) {
  work.catch(() => undefined);
}
