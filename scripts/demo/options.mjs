// The command line and the environment of the demo.
import { createInterface } from 'node:readline/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

/**
 * @typedef {object} DemoOptions
 * @property {string} url base URL of the hub, without `/rpc`
 * @property {string} mqtt URL of its MQTT broker
 * @property {number} hours how much of the recording is replayed
 * @property {number} speed how many times faster than the recording, at least 1
 * @property {string} registrationKey
 * @property {string} [adminKey] not needed without the LLM part
 * @property {boolean} llm whether the LLM part is played
 * @property {boolean} keep whether the house goes on until somebody stops it
 * @property {string} stateFile where the devices keep their ids and keys
 * @property {NodeJS.WritableStream & { isTTY?: boolean, columns?: number }} [output] default stdout
 * @property {AbortSignal} [signal] ends the demo early, cleanly
 */

/** A mistake of the caller's: shown as it is, without a stack. */
export class UsageError extends Error {
  name = 'UsageError';
}

export const usage = `Usage: npm run demo -- [options]

A house of ten MQTT devices joins a running hub (npm start) and replays recorded readings;
then a played LLM asks about it and switches a load. See docs/first-five-minutes.md for the same by hand.

  --speed N               times faster than real (default 3600: an hour per second)
  --hours N               how many recorded hours to replay (default 48, at most 336)
  --url URL               the hub (default http://127.0.0.1:1880, or by LLM_IOT_HTTP_PORT)
  --mqtt URL              its broker (default mqtt://127.0.0.1:1883, or by LLM_IOT_MQTT_PORT)
  --admin-key KEY         what the LLM calls with (default LLM_IOT_ADMIN_KEY)
  --registration-key KEY  what devices join with (default LLM_IOT_REGISTRATION_KEY)
  --no-llm                devices only
  --keep                  keep the house running afterwards, until Ctrl-C
  --help                  this text`;

const longestHours = 336;

/**
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {(Omit<DemoOptions, 'registrationKey'> & { registrationKey?: string }) | 'help'}
 * @throws {UsageError}
 */
export function readOptions(args, env) {
  const values = parse(args);
  if (values.help) return 'help';
  const host = env.LLM_IOT_HOST || '127.0.0.1';
  return {
    url: address(values.url ?? `http://${host}:${env.LLM_IOT_HTTP_PORT || 1880}`, 'url', 'http'),
    mqtt: address(values.mqtt ?? `mqtt://${host}:${env.LLM_IOT_MQTT_PORT || 1883}`, 'mqtt', 'mqtt'),
    speed: number(values.speed ?? '3600', 'speed', 1, 1e9),
    hours: number(values.hours ?? '48', 'hours', 1, longestHours),
    adminKey: values['admin-key'] || env.LLM_IOT_ADMIN_KEY || undefined,
    registrationKey: values['registration-key'] || env.LLM_IOT_REGISTRATION_KEY || undefined,
    llm: !values['no-llm'],
    keep: values.keep === true,
    stateFile: join(resolve(env.LLM_IOT_DATA_DIR || 'hub-data'), 'demo-devices.json'),
  };
}

/**
 * Asks for the keys that are missing, where somebody can answer.
 * @param {Exclude<ReturnType<typeof readOptions>, 'help'>} options
 * @param {NodeJS.ReadStream} input
 * @param {NodeJS.WriteStream} output
 * @returns {Promise<DemoOptions>}
 * @throws {UsageError} when a key is missing and nobody can be asked
 */
export async function completeKeys(options, input, output) {
  const missing = [
    ...(options.registrationKey ? [] : [{ name: 'registration', field: 'registrationKey' }]),
    ...(options.adminKey || !options.llm ? [] : [{ name: 'admin', field: 'adminKey' }]),
  ];
  /** @type {Record<string, string>} */
  const given = {};
  if (missing.length > 0 && input.isTTY && output.isTTY) {
    output.write(
      'The hub printed two keys when it first started (npm start). The demo needs them.\n',
    );
    const asking = createInterface({ input, output });
    for (const { name, field } of missing)
      given[field] = (await asking.question(`  ${name} key: `)).trim();
    asking.close();
  }
  const unknown = missing.filter(({ field }) => !given[field]).map(({ name }) => name);
  if (unknown.length > 0) throw new UsageError(missingKeys(unknown));
  return /** @type {DemoOptions} */ ({ ...options, ...given });
}

/** @param {string[]} names */
function missingKeys(names) {
  return `The demo needs the hub's ${names.join(' key and ')} key. Pass what "npm start" printed on its first start:

  LLM_IOT_ADMIN_KEY=... LLM_IOT_REGISTRATION_KEY=... npm run demo

or  npm run demo -- --admin-key ... --registration-key ...
The hub keeps only hashes. If the keys are gone, choose new ones: stop the hub and start it again with
both variables set; they take the place of the old ones.`;
}

/** @param {string[]} args */
function parse(args) {
  try {
    return parseArgs({
      args,
      strict: true,
      options: {
        speed: { type: 'string' },
        hours: { type: 'string' },
        url: { type: 'string' },
        mqtt: { type: 'string' },
        'admin-key': { type: 'string' },
        'registration-key': { type: 'string' },
        'no-llm': { type: 'boolean' },
        keep: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : error}\n\n${usage}`);
  }
}

/** @param {string} text @param {string} name @param {number} min @param {number} max */
function number(text, name, min, max) {
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max) return value;
  throw new UsageError(`--${name} must be a number from ${min} to ${max}, not "${text}"`);
}

/** @param {string} text @param {string} name @param {string} scheme */
function address(text, name, scheme) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && [`${scheme}:`, `${scheme}s:`].includes(url.protocol)) return text.replace(/\/+$/, '');
  throw new UsageError(`--${name} must be a URL that starts with ${scheme}://, not "${text}"`);
}
