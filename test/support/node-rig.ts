import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Node, NodeAPI } from 'node-red';
import type { Hub } from '../../nodes/runtime/hub.ts';
import type { HubMessage } from '../../nodes/runtime/message.ts';
import type { HubNode } from '../../nodes/runtime/node-kit.ts';

const require = createRequire(import.meta.url);
const root = join(import.meta.dirname, '..', '..');
const packageJson = require('../../package.json') as {
  'node-red': { nodes: Record<string, string> };
};

/** Both runtimes the package promises to work with, by the names they are installed under. */
export const nodeReds = ['node-red', 'node-red-4'] as const;

/** node-red-node-test-helper, which has no types of its own. */
interface TestHelper {
  init(runtime: string): void;
  settings(settings: object): void;
  startServer(): Promise<void>;
  stopServer(): Promise<void>;
  load(nodes: unknown[], flow: object[]): Promise<void>;
  unload(): Promise<void>;
  getNode(id: string): (Node & { hub?: unknown }) | null;
  setFlows(flow: object[], type: string): Promise<void>;
  _RED: { hooks: Hooks };
}

interface Hooks {
  add(id: string, hook: (event: { node: { id: string }; error?: Error }) => void): void;
  remove(id: string): void;
}

/** Every node of the package as Node-RED loads it: the built files. */
async function loadPalette(): Promise<unknown[]> {
  const files = Object.values(packageJson['node-red'].nodes);
  const modules = await Promise.all(
    files.map(
      async (file) =>
        (await import(pathToFileURL(join(root, file)).href)) as { default: (red: NodeAPI) => void },
    ),
  );
  return modules.map((module) => module.default);
}

/** What came of one message. */
export interface Processed {
  /** By output: what was sent. */
  outputs: HubMessage[][];
  /** The error given to `done(err)`, if it was. */
  error: Error | undefined;
}

export interface NodeRig {
  helper: TestHelper;
  hub(): Promise<Hub>;
  /** Sends a message to the node under test and waits until it called `done`. */
  input(message: HubMessage): Promise<Processed>;
  /** The next message of an output of the node under test. */
  next(output: number): Promise<HubMessage>;
  /** The texts and colours the node has shown, newest last. */
  statuses(): { fill?: string; text?: string }[];
  /** A full deploy of the same flow. */
  redeploy(): Promise<void>;
}

const hubId = 'hub0';

/** Flow with a hub on a free port and a temporary directory, and one node under test with a helper on each output. */
function flowFor(node: object, outputs: number, dataDir: string, hubSettings: object): object[] {
  const helpers = Array.from({ length: outputs }, (_unused, index) => `out${index}`);
  return [
    { id: 'tab0', type: 'tab', label: 'test' },
    { id: 'broker0', type: 'llm-iot-broker', kind: 'embedded', host: '127.0.0.1', port: '0' },
    { id: 'store0', type: 'llm-iot-store', kind: 'sqlite', file: '' },
    {
      id: hubId,
      type: 'llm-iot-hub',
      broker: 'broker0',
      store: 'store0',
      dataDir,
      rpcPath: '/rpc',
      wsPath: '/ws',
      unknownTypes: 'learn',
      ...hubSettings,
    },
    { id: 'node0', z: 'tab0', hub: hubId, wires: helpers.map((id) => [id]), ...node },
    ...helpers.map((id) => ({ id, type: 'helper', z: 'tab0', wires: [] })),
  ];
}

/** Runs `body` with the node in a real Node-RED runtime, and takes everything down again. */
export async function withNode(
  nodeRed: (typeof nodeReds)[number],
  node: object,
  outputs: number,
  body: (rig: NodeRig) => Promise<void>,
  hubSettings: object = {},
): Promise<void> {
  const helper = require('node-red-node-test-helper') as TestHelper;
  helper.init(require.resolve(nodeRed));
  const dataDir = await mkdtemp(join(tmpdir(), 'llm-iot-node-'));
  helper.settings({
    uiHost: '127.0.0.1',
    userDir: dataDir,
    logging: { console: { level: 'off' } },
  });
  await helper.startServer();
  const { hooks } = helper._RED;
  const flow = flowFor(node, outputs, dataDir, hubSettings);
  const received = Array.from({ length: outputs }, (): HubMessage[] => []);
  const statuses: { fill?: string; text?: string }[] = [];
  try {
    await helper.load(await loadPalette(), structuredClone(flow));
    const nodeUnderTest = (): Node => helper.getNode('node0')!;
    const listen = (): void => {
      received.forEach((messages, output) =>
        helper
          .getNode(`out${output}`)
          ?.on('input', (message) => messages.push(message as HubMessage)),
      );
      (nodeUnderTest() as unknown as NodeJS.EventEmitter).on(
        'call:status',
        (call: { args: [object] }) => statuses.push(call.args[0]),
      );
    };
    listen();
    await body({
      helper,
      hub: () => (helper.getNode(hubId) as unknown as HubNode).ready,
      async input(message) {
        const before = received.map((messages) => messages.length);
        const ended = new Promise<Error | undefined>((resolve) => {
          hooks.add('onComplete.rig', ({ node: { id }, error }) => {
            if (id === 'node0') resolve(error);
          });
        });
        nodeUnderTest().receive(message);
        const error = await ended;
        hooks.remove('onComplete.rig');
        await new Promise((resolve) => setImmediate(resolve));
        return { error, outputs: received.map((messages, index) => messages.slice(before[index])) };
      },
      async next(output) {
        const [message] = (await once(
          helper.getNode(`out${output}`) as unknown as NodeJS.EventEmitter,
          'input',
        )) as [HubMessage];
        return message;
      },
      statuses: () => statuses,
      async redeploy() {
        await helper.setFlows(structuredClone(flow), 'full');
        listen();
        await (helper.getNode(hubId) as unknown as HubNode).ready;
      },
    });
  } finally {
    await (helper.getNode(hubId) as unknown as HubNode | null)?.close(true);
    await helper.unload();
    await helper.stopServer();
    await rm(dataDir, { recursive: true, force: true });
  }
}
