// How a device gets into the hub: a registration, once with the house's key, then its own.
import { RpcFailure } from './rpc-failure.mjs';
import { connect, openDiscovery } from './mqtt-connection.mjs';

const unauthorized = -32005;
const invalidParams = -32602;
const deviceNotFound = -32000;

/**
 * @typedef {import('./state-file.mjs').Credentials} Credentials
 * @typedef {Credentials & { resumed: boolean, heartbeat_interval: number, applied_config?: Record<string, unknown> }} Membership
 */

/**
 * Registers a device, or resumes its session with the credentials it kept.
 * @param {import('./house.mjs').DeviceDesign} design
 * @param {{ mqtt: string, registrationKey: string }} hub
 * @param {Credentials | undefined} kept
 * @returns {Promise<Membership>}
 */
export async function join(design, hub, kept) {
  const client = await connect(
    hub.mqtt,
    {
      protocolVersion: design.protocolVersion,
      clientId: `${design.key}-joining-${process.pid}`,
      username: 'register',
      password: hub.registrationKey,
      clean: true,
    },
    'registration key',
  );
  try {
    const ask = await openDiscovery(client);
    const answer = await register(ask, design, kept);
    const apiKey = answer.api_key ?? kept?.api_key;
    return { ...answer, api_key: apiKey, resumed: answer.resumed === true };
  } finally {
    await client.endAsync();
  }
}

/**
 * @param {(method: string, params: object) => Promise<any>} ask
 * @param {import('./house.mjs').DeviceDesign} design
 * @param {Credentials | undefined} kept
 */
async function register(ask, design, kept) {
  if (kept) {
    try {
      return await ask('device.register', { ...design.registration, ...kept });
    } catch (error) {
      // What was kept belongs to a hub that is no more, or the device was removed: join anew.
      if (!isRefusal(error)) throw error;
    }
  }
  try {
    return await ask('device.register', design.registration);
  } catch (error) {
    if (!(error instanceof RpcFailure) || error.code !== unauthorized) throw error;
    const { name, hardware_id: hardwareId } = design.registration;
    throw new Error(
      `The hub knows the ${name} (hardware id ${hardwareId}) from an earlier run, but its key is lost. ` +
        `Remove it with device.remove, or run the demo with the LLM_IOT_DATA_DIR of that run.\n  ${error.message}`,
      { cause: error },
    );
  }
}

/** @param {unknown} error */
function isRefusal(error) {
  return (
    error instanceof RpcFailure &&
    [unauthorized, invalidParams, deviceNotFound].includes(error.code)
  );
}
