import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { requireTool } from './require-tool.ts';

/** A node as the editor holds it. */
export interface EditorNode {
  id: string;
  type: string;
  valid: boolean;
  [field: string]: unknown;
}

/** The editor's own script, as far as the tests reach into it from inside the page. */
export interface EditorApi {
  nodes: {
    node(id: string): EditorNode;
    import(nodes: object[]): void;
    eachConfig(visit: (node: EditorNode) => void): void;
    getType(type: string): { defaults: Record<string, { value: unknown }> };
  };
  editor: {
    edit(node: EditorNode): void;
    editConfig(name: string, type: string, id: string): void;
  };
  sidebar: { help: { show(type: string): void } };
  actions: { invoke(action: string): void };
}

declare const RED: EditorApi;

/** A Node-RED editor in a headless browser. */
export interface EditorPage {
  page: Page;
  /** Errors of the page and its console since they were last taken. */
  complaints(): string[];
  /** Saves a picture in a folder `llm-iot-screenshots` of the temporary directory. */
  picture(name: string): Promise<void>;
  /** Puts a node with its defaults on a tab. */
  addNode(node: { id: string; type: string; z: string; [field: string]: unknown }): Promise<void>;
  /** Opens the form of a node on the workspace, or of a config node. */
  openForm(id: string, kind: 'node' | 'config'): Promise<void>;
  /** Presses Done or Update. */
  saveForm(kind: 'node' | 'config'): Promise<void>;
  /** What is configured, but for the name, as text. */
  fieldsOf(id: string): Promise<Record<string, string>>;
  close(): Promise<void>;
}

const launchOptions = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const buttons = { node: '#node-dialog-ok', config: '#node-config-dialog-ok' };
const prefixes = { node: 'node-input', config: 'node-config-input' };

/** Opens the editor and waits until `lastType` is on the palette. */
export async function openEditor(
  ctx: Mocha.Context,
  { url, lastType, folder }: { url: string; lastType: string; folder: string },
): Promise<EditorPage> {
  const executablePath = requireTool(ctx, 'chromium', 'chromium');
  const pictures = join(tmpdir(), 'llm-iot-screenshots', folder);
  await mkdir(pictures, { recursive: true });
  const browser = await chromium.launch({ executablePath, args: launchOptions });
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  const heard: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') heard.push(message.text());
  });
  page.on('pageerror', (error) => heard.push(String(error)));
  await page.goto(url);
  await page.waitForSelector(`.red-ui-palette-node[data-palette-type="${lastType}"]`);
  await page.waitForSelector('#red-ui-header-toolbar, .red-ui-header-toolbar');

  return {
    page,
    complaints: () => heard.splice(0),
    async picture(name) {
      await page.screenshot({ path: join(pictures, `${name}.png`) });
    },
    async addNode(node) {
      await page.evaluate((given) => {
        const { defaults } = RED.nodes.getType(given.type);
        const values = Object.entries(defaults).map(
          ([field, { value }]) => [field, value] as const,
        );
        RED.nodes.import([{ x: 300, y: 100, wires: [], ...Object.fromEntries(values), ...given }]);
      }, node);
    },
    async openForm(id, kind) {
      await page.evaluate(
        ([nodeId, isConfig]) => {
          const node = RED.nodes.node(nodeId);
          if (isConfig) RED.editor.editConfig('', node.type, nodeId);
          else RED.editor.edit(node);
        },
        [id, kind === 'config'] as const,
      );
      await page.waitForSelector(buttons[kind]);
      await page.waitForSelector(`#${prefixes[kind]}-name`);
    },
    async saveForm(kind) {
      await page.click(buttons[kind]);
      await page.waitForSelector(buttons[kind], { state: 'detached' });
    },
    fieldsOf: (id) =>
      page.evaluate((nodeId) => {
        const node = RED.nodes.node(nodeId);
        const fields = Object.keys(RED.nodes.getType(node.type).defaults).filter(
          (f) => f !== 'name',
        );
        return Object.fromEntries(fields.map((field) => [field, String(node[field])]));
      }, id),
    close: () => browser.close(),
  };
}
