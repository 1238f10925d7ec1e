import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { connectAsync, type MqttClient } from 'mqtt';
import type { Node, NodeAPI } from 'node-red';
import type { Hub } from '../../nodes/runtime/hub.ts';
import type { HubMessage } from '../../nodes/runtime/message.ts';
import type { HubNode } from '../../nodes/runtime/node-kit.ts';
import { esp32 } from './hub-client.ts';
import { until } from './until.ts';

const require = createRequire(import.meta.url);
const root = join(import.meta.dirname, '..', '..');
const packageJson = require('../../package.json') as {
  'node-red': { nodes: Record<string, string> };
};

/** Both runtimes the package promises to work with, by the names they are installed under. */
export const nodeReds = ['node-red', 'node-red-4'] as const;
export type NodeRed = (typeof nodeReds)[number];

/** A node of a flow, as in a flow file. */
export interface FlowNode {
  id: string;
  type: string;
  wires?: string[][];
  [property: string]: unknown;
}

/** A node under test: `outputs` of its outputs are wired to where the rig sees what comes out, and `to` other nodes. */
export interface TestNode extends FlowNode {
  outputs?: number;
  to?: string[][];
}

export interface NodeStatus {
  fill?: string;
  shape?: string;
  text?: string;
}

/** What came of one message. */
export interface Processed {
  /** By output: what was sent. */
  outputs: HubMessage[][];
  /** The error given to `done(err)`, if it was. */
  error: Error | undefined;
  /** How often `done` was called. */
  dones: number;
}

export type Step = (
  message: HubMessage,
  send: (message: unknown) => void,
  done: (error?: Error) => void,
) => void;

export interface RigOptions {
  nodeRed: NodeRed;
  /** On one tab with a Catch node. */
  nodes: TestNode[];
  /** Changes of the config nodes; null leaves the node out. */
  hub?: object | null;
  broker?: object | null;
  store?: object | null;
  /** What nodes of type `test-step` do, by their id. */
  steps?: Record<string, Step>;
  /** Types of Node-RED itself that the flow needs, such as `common/20-inject`. */
  core?: string[];
  /** Where the Catch node leads to besides. */
  catchTo?: string[];
  /** The hub is not expected to start. */
  broken?: boolean;
}

/** A real Node-RED runtime with a hub and the nodes under test. */
export interface NodeRig {
  /** Of Node-RED. */
  version: string;
  hubId: string;
  dataDir: string;
  url: string;
  adminKey: string;
  server: Server;
  /** Node-RED's own events. */
  events: NodeJS.EventEmitter;
  /** The hub, once it runs; rejects when it cannot start. */
  hub(): Promise<Hub>;
  node(id: string): Node;
  /** Sends a message to a node and waits until it called `done` and all it sent has arrived. */
  input(id: string, message: HubMessage): Promise<Processed>;
  /** All that came out of an output so far. */
  received(id: string, output?: number): HubMessage[];
  /** The first message of an output, now or soon, that fits. */
  next(id: string, output?: number, fits?: (message: HubMessage) => boolean): Promise<HubMessage>;
  /** What the Catch node caught. */
  caught(): HubMessage[];
  /** What was logged as an error. */
  errors(): string[];
  /** What a node shows now. */
  status(id: string): NodeStatus | undefined;
  /** All it has shown, newest last. */
  statuses(id: string): NodeStatus[];
  /** Deploys; without arguments the same flow again. Resolves when the flows run. */
  deploy(changes?: Partial<RigOptions>, type?: 'full' | 'flows' | 'nodes'): Promise<void>;
  /** Deploys a flow as it is. */
  deployFlow(flow: FlowNode[], type?: 'full' | 'flows' | 'nodes'): Promise<void>;
  stop(): Promise<void>;
}

interface CompleteEvent {
  node: { id: string };
  msg: object;
  error?: Error;
}

/** node-red-node-test-helper, which has no types of its own. */
interface TestHelper {
  init(runtime: string): void;
  settings(settings: object): void;
  startServer(): Promise<void>;
  stopServer(): Promise<void>;
  load(nodes: unknown[], flow: object[], credentials: object): Promise<void>;
  unload(): Promise<void>;
  url(): string;
  getNode(id: string): Node | null;
  log(): { ERROR: number; args: [{ level: number; msg: unknown }][] };
  _server: Server;
  _events: NodeJS.EventEmitter;
  _redNodes: { setFlows(flow: object[], credentials: undefined, type: string): Promise<unknown> };
  _RED: {
    version(): string;
    hooks: {
      add(id: string, hook: (event: CompleteEvent) => void): void;
      remove(id: string): void;
    };
  };
}

type Register = (red: NodeAPI) => void;

const texts = require('../../nodes/locales/en-US/hub.json') as object;

/** The helper has no catalogue: texts come from the locale file, so that tests see what users see. */
function translate(key: string, values: Record<string, string> = {}): string {
  const path = key.split(':').at(-1)?.split('.') ?? [];
  let found: unknown = texts;
  for (const part of path) found = (found as Record<string, unknown> | undefined)?.[part];
  return typeof found === 'string'
    ? found.replace(/__(\w+)__/g, (_all, name: string) => values[name] ?? '')
    : key;
}

/** Every node of the package as Node-RED loads it: the built files. */
/** @param hooks Node-RED's own, which the test helper leaves out of what it gives to nodes */
async function loadPalette(hooks: unknown): Promise<Register[]> {
  const files = Object.values(packageJson['node-red'].nodes);
  const modules = await Promise.all(
    files.map(
      async (file) => (await import(pathToFileURL(join(root, file)).href)) as { default: Register },
    ),
  );
  return modules.map(
    (module): Register =>
      (red) =>
        module.default(
          Object.create(red, { _: { value: translate }, hooks: { value: hooks } }) as NodeAPI,
        ),
  );
}

/** Nodes of Node-RED itself, of the version under test. */
function loadCore(nodeRed: NodeRed, names: string[]): Register[] {
  const from = createRequire(require.resolve(nodeRed));
  const folder = dirname(from.resolve('@node-red/nodes/package.json'));
  return names.map((name) => from(join(folder, 'core', name)) as Register);
}

let rigCount = 0;

const configTypes = new Set(['llm-iot-hub', 'llm-iot-broker', 'llm-iot-store']);

/** Flow with a hub on a free port and a temporary directory, the nodes under test and what observes them. */
function flowOf(options: RigOptions, hubId: string, dataDir: string): FlowNode[] {
  const configs: (FlowNode | null)[] = [
    options.broker === null
      ? null
      : {
          id: `${hubId}-broker`,
          type: 'llm-iot-broker',
          kind: 'embedded',
          host: '127.0.0.1',
          port: '0',
          ...options.broker,
        },
    options.store === null
      ? null
      : { id: `${hubId}-store`, type: 'llm-iot-store', kind: 'sqlite', file: '', ...options.store },
    options.hub === null
      ? null
      : {
          id: hubId,
          type: 'llm-iot-hub',
          broker: `${hubId}-broker`,
          store: `${hubId}-store`,
          dataDir,
          rpcPath: '/rpc',
          wsPath: '/ws',
          unknownTypes: 'learn',
          ...options.hub,
        },
  ];
  // Without a position Node-RED would take a node for a config node.
  const placed = { z: 'tab0', x: 0, y: 0 };
  const nodes = options.nodes.flatMap(({ outputs = 0, to = [], ...node }): FlowNode[] => {
    const collectors = Array.from({ length: outputs }, (_unused, index) => `${node.id}:${index}`);
    const wires = Array.from({ length: Math.max(outputs, to.length) }, (_unused, index) => [
      ...collectors.slice(index, index + 1),
      ...(to[index] ?? []),
    ]);
    return [
      configTypes.has(node.type)
        ? { name: '', ...node }
        : { ...placed, name: '', hub: hubId, wires, ...node },
      ...collectors.map((id) => ({ id, type: 'test-collector', ...placed, wires: [] })),
    ];
  });
  return [
    { id: placed.z, type: 'tab', label: 'test' },
    ...configs.filter((node) => node !== null),
    ...nodes,
    {
      id: 'catch0',
      type: 'catch',
      ...placed,
      scope: null,
      uncaught: false,
      wires: [['caught', ...(options.catchTo ?? [])]],
    },
    { id: 'caught', type: 'test-collector', ...placed, wires: [] },
  ];
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Starts a runtime; resolves when the hub runs, or is known not to. */
export async function startRig(given: RigOptions): Promise<NodeRig> {
  let options = given;
  const { NodeTestHelper } = require('node-red-node-test-helper') as {
    NodeTestHelper: new () => TestHelper;
  };
  const helper = new NodeTestHelper();
  helper.init(require.resolve(options.nodeRed));
  const dataDir = await mkdtemp(join(tmpdir(), 'llm-iot-node-'));
  helper.settings({
    uiHost: '127.0.0.1',
    userDir: dataDir,
    logging: { console: { level: 'off' } },
  });
  await helper.startServer();

  rigCount += 1;
  const hubId = `hub${rigCount}`;
  const adminKey = 'test-admin-key-0123456789';
  const collected = new Map<string, HubMessage[]>();
  const shown = new Map<string, NodeStatus[]>();
  const completions: CompleteEvent[] = [];
  const noteStatus = ({ id, status }: { id: string; status: NodeStatus }): void => {
    shown.set(id, [...(shown.get(id) ?? []), status]);
  };
  helper._events.on('node-status', noteStatus);
  helper._RED.hooks.add('onComplete.rig', (event) => completions.push(event));

  const received = (id: string, output = 0): HubMessage[] => collected.get(`${id}:${output}`) ?? [];
  const testTypes: Register = (red) => {
    red.nodes.registerType('test-collector', function (this: Node, def) {
      red.nodes.createNode(this, def);
      this.on('input', (message, _send, done) => {
        collected.set(def.id, [...(collected.get(def.id) ?? []), message as HubMessage]);
        done();
      });
    });
    red.nodes.registerType('test-step', function (this: Node, def) {
      red.nodes.createNode(this, def);
      this.on('input', (message, send, done) =>
        options.steps?.[def.id]?.(message as HubMessage, send as (message: unknown) => void, done),
      );
    });
  };

  const hubNode = (): HubNode | null => helper.getNode(hubId) as HubNode | null;
  const settled = async (): Promise<void> => {
    if (options.broken) await hubNode()?.ready.catch(() => undefined);
    else await hubNode()?.ready;
    await turn();
  };
  const deployFlow: NodeRig['deployFlow'] = async (flow, type = 'full') => {
    const started = new Promise((resolve) => helper._events.once('flows:started', resolve));
    await helper._redNodes.setFlows(flow, undefined, type);
    await started;
    await settled();
  };

  await helper.load(
    [
      ...(await loadPalette(helper._RED.hooks)),
      testTypes,
      ...loadCore(options.nodeRed, options.core ?? []),
    ],
    flowOf(options, hubId, dataDir),
    { [hubId]: { adminKey, registrationKey: 'test-registration-key-0123456789' } },
  );
  const rig: NodeRig = {
    version: helper._RED.version(),
    hubId,
    dataDir,
    url: helper.url(),
    adminKey,
    server: helper._server,
    events: helper._events,
    hub: () => hubNode()!.ready,
    node: (id) => helper.getNode(id)!,
    async input(id, message) {
      const before = completions.length;
      const _msgid = `message${Math.random()}`;
      const sent: HubMessage & { _msgid: string } = { ...message, _msgid };
      rig.node(id).receive(sent);
      const mine = (): CompleteEvent[] =>
        completions.slice(before).filter(({ node, msg }) => node.id === id && msg === sent);
      await until(`${id} calls done`, () => mine().length > 0);
      for (let turns = 0; turns < 5; turns += 1) await turn();
      const wired = options.nodes.find((node) => node.id === id)?.outputs ?? 0;
      const outputs = Array.from({ length: Math.max(2, wired) }, (_unused, output) =>
        received(id, output).filter((out) => (out as { _msgid?: string })._msgid === _msgid),
      );
      return { outputs, error: mine()[0]?.error, dones: mine().length };
    },
    received,
    next: (id, output = 0, fits = () => true) =>
      until(`output ${output} of ${id}`, () => received(id, output).find(fits)),
    caught: () => collected.get('caught') ?? [],
    errors: () =>
      helper
        .log()
        .args.filter(([{ level }]) => level === helper.log().ERROR)
        .map(([{ msg }]) => String(msg)),
    status: (id) => shown.get(id)?.at(-1),
    statuses: (id) => shown.get(id) ?? [],
    async deploy(changes = {}, type = 'full') {
      options = { ...options, broken: false, ...changes };
      await deployFlow(flowOf(options, hubId, dataDir), type);
    },
    deployFlow,
    async stop() {
      await deployFlow([]); // a hub that is removed closes at once
      helper._events.off('node-status', noteStatus);
      helper._RED.hooks.remove('onComplete.rig');
      await helper.unload();
      await helper.stopServer();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  await settled();
  return rig;
}

/** A registered device that is connected to the hub's broker. */
export interface RigDevice {
  id: string;
  mqtt: MqttClient;
  /** QoS 1; resolves when the hub acknowledged it. */
  publish(branch: string, payload: unknown): Promise<void>;
  end(): Promise<void>;
}

/** An MQTT client with the admin key, which may hear and say everything. */
export async function joinAsAdmin(rig: NodeRig): Promise<MqttClient> {
  const { mqtt } = await rig.hub();
  return connectAsync(mqtt.url, {
    username: 'admin',
    password: rig.adminKey,
    protocolVersion: 5,
    reconnectPeriod: 0,
  });
}

/** Registers and connects a device. */
export async function joinRig(rig: NodeRig, registration: object = esp32()): Promise<RigDevice> {
  const hub = await rig.hub();
  const { device_id: id, api_key } = await hub.devices.register(
    registration as Record<string, unknown>,
    { id: 'registration', role: 'device', registration: true },
  );
  const mqtt = await connectAsync(hub.mqtt.url, {
    username: id,
    password: api_key ?? '',
    clientId: `device-${id}`,
    protocolVersion: 5,
    reconnectPeriod: 0,
  });
  return {
    id,
    mqtt,
    async publish(branch, payload) {
      const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
      await mqtt.publishAsync(`llm-iot/devices/${id}/${branch}`, body, { qos: 1 });
    },
    async end() {
      await mqtt.endAsync(true);
    },
  };
}
