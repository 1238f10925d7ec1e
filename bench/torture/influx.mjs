// A real InfluxDB 1 behind a stretch of wire that can fail.
import { Agent, createServer, request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { findTool } from '../../test/support/require-tool.ts';
import { launchInfluxd } from '../../test/support/influxd.ts';
import { freePort } from '../../test/support/free-port.ts';

const database = 'torture';

/** What the wire does with a request: carries it, keeps it for ever, answers 503, or cuts the connection. */
export const wireModes = /** @type {const} */ (['carry', 'hang', 'refuse', 'cut']);
/** @typedef {(typeof wireModes)[number]} WireMode */

/**
 * @typedef {object} Influx
 * @property {(flow: import('./site.mjs').FlowNode[]) => import('./site.mjs').FlowNode[]} flow makes a hub store here
 * @property {(mode: WireMode) => void} set
 * @property {() => Promise<void>} leave stops the server, as a crash would
 * @property {() => Promise<void>} comeBack
 * @property {(groups: readonly import('./loads/reporters.mjs').GroupResult[]) => { carried: number, overtaken: number }} orderOf
 *   readings of these devices that the server took, and those of them that came after a later one of their device;
 *   calls of a device over HTTP run beside each other, so that nothing says in what order they came
 * @property {() => Promise<Iterable<import('./audit.mjs').StoredReading>>} stored
 * @property {() => Promise<void>} close
 */

/** Whether there is one on this machine. */
export const influxd = () => findTool('influxd');

/** @returns {Promise<Influx>} */
export async function startInflux() {
  const command = influxd();
  if (command === undefined) throw new Error('influxd is not installed: apt-get install influxdb');
  const server = await launchInfluxd(command);
  const order = watchOrder();
  const wire = await startWire(server.url, order.look);
  const form = { kind: 'influxdb1', url: wire.url, database, username: '' };
  return {
    flow: (nodes) =>
      nodes.map((node) => (node.type === 'llm-iot-store' ? { ...node, ...form } : node)),
    set: wire.set,
    async leave() {
      await Promise.all([wire.close(), server.kill()]);
    },
    async comeBack() {
      await server.restart();
      await wire.open();
    },
    orderOf: order.of,
    stored: () => readAll(server.query),
    async close() {
      await wire.close();
      await server.stop();
    },
  };
}

/** @param {string} target @param {(lines: string) => void} look sees what is written */
async function startWire(target, look) {
  const port = await freePort();
  const agent = new Agent({ keepAlive: true });
  /** @type {WireMode} */
  let mode = 'carry';
  const server = createServer((req, res) => {
    /** @type {Buffer[]} */
    const chunks = [];
    req.on('error', () => undefined);
    res.on('error', () => undefined);
    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', () => {
      if (mode === 'cut') req.socket.destroy();
      else if (mode === 'refuse') res.writeHead(503).end('{"error":"torture"}');
      else if (mode === 'carry') carry(req, Buffer.concat(chunks), res);
    });
  });
  /** @param {import('node:http').IncomingMessage} req @param {Buffer} body @param {import('node:http').ServerResponse} res */
  const carry = (req, body, res) => {
    const { method, url, headers } = req;
    const onward = request(`${target}${url}`, { method, headers, agent }, (answer) => {
      // What was not taken comes again.
      if (url?.startsWith('/write') && answer.statusCode === 204)
        look((headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString());
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    });
    onward.on('error', () => res.destroy());
    onward.end(body);
  };
  const wire = {
    url: `http://127.0.0.1:${port}`,
    open: () =>
      new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(undefined))),
    /** @param {WireMode} next */
    set(next) {
      mode = next;
      // What hangs would hang for ever.
      if (next !== 'hang') server.closeAllConnections();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve(undefined));
        server.closeAllConnections();
      }),
  };
  await wire.open();
  return wire;
}

/** Looks whether readings of a device go by in the order of their times. */
function watchOrder() {
  /** @type {Map<string, number>} */
  const newest = new Map();
  /** @type {Map<string, { carried: number, overtaken: number }>} */
  const found = new Map();
  return {
    of(/** @type {readonly import('./loads/reporters.mjs').GroupResult[]} */ groups) {
      const sum = { carried: 0, overtaken: 0 };
      for (const { transport, deviceIds } of groups)
        for (const deviceId of transport === 'http' ? [] : deviceIds) {
          const { carried, overtaken } = found.get(deviceId) ?? { carried: 0, overtaken: 0 };
          sum.carried += carried;
          sum.overtaken += overtaken;
        }
      return sum;
    },
    /** @param {string} lines */
    look(lines) {
      for (const [, device, time] of lines.matchAll(/device_id=([\w-]+),.* (\d+)$/gm)) {
        const { carried, overtaken } = found.get(device) ?? { carried: 0, overtaken: 0 };
        const isLate = Number(time) < (newest.get(device) ?? 0);
        found.set(device, { carried: carried + 1, overtaken: overtaken + (isLate ? 1 : 0) });
        if (!isLate) newest.set(device, Number(time));
      }
    },
  };
}

const rowsAtOnce = 9_000;

/** All readings, device by device. @param {(statement: string, database?: string) => Promise<any[]>} query */
async function readAll(query) {
  const [tags] = await query('SHOW TAG VALUES WITH KEY = "device_id"', database);
  const ids = (tags?.series?.[0]?.values ?? []).map((/** @type {string[]} */ [, id]) => id);
  /** @type {import('./audit.mjs').StoredReading[]} */
  const stored = [];
  for (const device_id of ids) {
    for (let after = 0; ;) {
      const [{ series }] = await query(
        `SELECT number FROM llm_iot_readings WHERE device_id = '${device_id}' AND measurement_type = 'temperature'
         AND time > ${after}ms ORDER BY time LIMIT ${rowsAtOnce}`,
        database,
      );
      const rows = series?.[0].values ?? [];
      for (const [timestamp, value] of rows) stored.push({ device_id, timestamp, value });
      if (rows.length < rowsAtOnce) break;
      after = rows.at(-1)[0];
    }
  }
  return stored;
}
