// What the devices do when they are told to.

/**
 * What a device remembers and its commands change.
 * @typedef {object} DeviceMemory
 * @property {Record<string, unknown>} config what it was configured with, as it reports it
 * @property {readonly import('./house.mjs').Reading[]} lastReadings
 *
 * @typedef {{ result: Record<string, unknown> } | { error: { code: number, message: string, data: object } }} Outcome
 */

/** Whether the load at the meter is on; it is until somebody switches it off. @param {DeviceMemory} memory */
export const loadIsOn = ({ config }) => config.load_on !== false;

/** @type {Record<string, (memory: DeviceMemory, args: Record<string, any>) => Outcome>} */
const commands = {
  set_load: (memory, { on }) => applied(memory, { load_on: on }, { on }),
  get_load: (memory) => ({ result: { on: loadIsOn(memory) } }),
  configure: (memory, args) => applied(memory, args, {}),
  blink: (_, { times }) => ({ result: { blinked: times } }),
  read_sensor({ lastReadings }, { sensor_type: type }) {
    const reading = lastReadings.find(({ measurement_type: measured }) => measured === type);
    if (!reading) return failure(-32007, 'Hardware error', `no ${type} measured yet`);
    return { result: { ...reading } };
  },
};

/**
 * Carries out a JSON-RPC request of the hub.
 * @param {{ id: string | number, method: string, params?: Record<string, unknown> }} request
 * @param {Record<string, unknown>} declared the commands the device declared
 * @param {DeviceMemory} memory
 * @returns {object} the JSON-RPC response
 */
export function carryOut(request, declared, memory) {
  const outcome = Object.hasOwn(declared, request.method)
    ? commands[request.method](memory, request.params ?? {})
    : failure(-32601, 'Method not found', `this device cannot ${request.method}`);
  return { jsonrpc: '2.0', id: request.id, ...outcome };
}

/** @param {DeviceMemory} memory @param {Record<string, unknown>} change @param {Record<string, unknown>} answer */
function applied(memory, change, answer) {
  memory.config = { ...memory.config, ...change };
  return { result: { ...answer, applied_config: memory.config } };
}

/** @param {number} code @param {string} message @param {string} reason */
const failure = (code, message, reason) => ({ error: { code, message, data: { reason } } });
