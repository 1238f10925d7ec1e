// Mosquitto, a Node-RED with stock nodes, and InfluxDB, as they are when they have just been installed.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/support/free-port.ts';
import { launchInfluxd } from '../../test/support/influxd.ts';
import { findTool } from '../../test/support/require-tool.ts';
import { startProgram } from './process.mjs';
import { stockFlow } from './stock-flow.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const nodeModules = join(root, 'node_modules');

/** What this machine lacks of it. @returns {string[]} */
export const missingTools = () =>
  Object.entries({ mosquitto: 'mosquitto', influxd: 'influxdb' })
    .filter(([command]) => findTool(command) === undefined)
    .map(([command, debianPackage]) => `${command} (apt-get install ${debianPackage})`);

/**
 * @typedef {object} StockStack
 * @property {number} mqttPort
 * @property {number[]} pids of all of it
 * @property {() => Promise<number>} count how many points have arrived in InfluxDB
 * @property {() => Promise<void>} stop
 */

/** @returns {Promise<StockStack>} */
export async function startStockStack() {
  const folder = await mkdtemp(join(tmpdir(), 'bench-peers-'));
  const [mqttPort, httpPort] = [await freePort(), await freePort()];
  /** @type {(() => Promise<unknown>)[]} */
  const stops = [() => rm(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    const influxd = await launchInfluxd(findTool('influxd') ?? '');
    stops.push(influxd.stop);
    await influxd.query('CREATE DATABASE telemetry');
    const mosquitto = await startMosquitto(folder, mqttPort);
    stops.push(mosquitto.stop);
    const nodeRed = await startNodeRed(folder, httpPort, { mqttPort, influxPort: influxd.port });
    stops.push(nodeRed.stop);
    return {
      mqttPort,
      pids: [mosquitto.pid, nodeRed.pid, influxd.pid()],
      async count() {
        const [result] = await influxd.query('SELECT count(value) FROM telemetry', 'telemetry');
        return Number(result?.series?.[0]?.values[0]?.[1] ?? 0);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** With the configuration that Debian installs, on a port of its own. @param {string} folder @param {number} port */
async function startMosquitto(folder, port) {
  const data = join(folder, 'mosquitto');
  await mkdir(data);
  const file = join(folder, 'mosquitto.conf');
  const lines = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'persistence true',
    `persistence_location ${data}/`,
    `user ${userInfo().username}`,
    'log_type error',
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  return startProgram(findTool('mosquitto') ?? '', ['-c', file], { isReady: () => accepts(port) });
}

/** @param {string} folder @param {number} port @param {Parameters<typeof stockFlow>[0]} servers */
async function startNodeRed(folder, port, servers) {
  const userDir = join(folder, 'node-red');
  const dependencies = ['node-red-contrib-influxdb', 'ajv', 'ajv-formats'];
  await mkdir(join(userDir, 'node_modules'), { recursive: true });
  for (const name of dependencies)
    await symlink(join(nodeModules, name), join(userDir, 'node_modules', name), 'junction');
  const versions = Object.fromEntries(dependencies.map((name) => [name, '*']));
  await writeFile(
    join(userDir, 'package.json'),
    JSON.stringify({ name: 'stock', version: '1.0.0', dependencies: versions }),
  );
  await writeFile(join(userDir, 'flows.json'), JSON.stringify(stockFlow(servers)));
  const settings = {
    ...{ uiHost: '127.0.0.1', uiPort: port, userDir, flowFile: 'flows.json' },
    ...{ credentialSecret: 'bench', functionExternalModules: true },
    diagnostics: { enabled: false, ui: false },
    telemetry: { enabled: false, updateNotification: false },
    externalModules: {
      autoInstall: false,
      palette: { allowInstall: false },
      modules: { allowInstall: false },
    },
    editorTheme: { tours: false },
  };
  const file = join(userDir, 'settings.cjs');
  await writeFile(file, `module.exports = ${JSON.stringify(settings)};\n`);
  const nodeRed = join(nodeModules, 'node-red/red.js');
  return startProgram(process.execPath, [nodeRed, '--settings', file], {
    cwd: userDir,
    isReady: (output) => output.includes('Connected to broker'),
  });
}

/** @param {number} port @returns {Promise<boolean>} */
const accepts = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
