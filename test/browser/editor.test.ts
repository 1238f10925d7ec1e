import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openEditor, type EditorApi, type EditorPage } from '../support/editor-page.ts';
import { nodeRedVersions, startNodeRed, type RunningNodeRed } from '../support/node-red-process.ts';

declare const RED: EditorApi;
declare const monaco: {
  editor: { getEditors(): { getDomNode(): Node; setValue(text: string): void }[] };
};

const root = join(import.meta.dirname, '..', '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  'node-red': { nodes: Record<string, string> };
};
const hubFlow = JSON.parse(readFileSync(join(root, 'flows/hub.json'), 'utf8')) as {
  id: string;
  type: string;
}[];

const tab = { id: '11aff00000000001', type: 'tab', label: 'Editor' };
const config = hubFlow.filter(({ type }) => /^llm-iot-(hub|broker|store|policy)$/.test(type));
const hubId = config.find(({ type }) => type === 'llm-iot-hub')!.id;
const types = Object.keys(manifest['node-red'].nodes).map((name) => `llm-iot-${name}`);
const configTypes = config.map(({ type }) => type);
const paletteTypes = types.filter((type) => !configTypes.includes(type));

const kindOf = (type: string): 'node' | 'config' =>
  configTypes.includes(type) ? 'config' : 'node';
const prefixOf = (type: string): string =>
  kindOf(type) === 'config' ? 'node-config-input' : 'node-input';
const idOf = (type: string): string =>
  config.find((node) => node.type === type)?.id ?? `edited-${type}`;
/** Whatever lets a node's own name be told from its label: Node-RED breaks labels over lines. */
const oneLine = (text: string | null | undefined): string =>
  (text ?? '').replace(/\s+/g, ' ').trim();

for (const version of nodeRedVersions)
  describe(`the editor of ${version}`, function () {
    this.timeout(60_000);
    this.slow(10_000);
    let nodeRed: RunningNodeRed;
    let editor: EditorPage;

    before(async function () {
      this.timeout(120_000);
      nodeRed = await startNodeRed({ nodeRed: version, flows: [tab, ...config] });
      const lastType = paletteTypes.at(-1)!;
      editor = await openEditor(this, { url: nodeRed.url, lastType, folder: version });
    });

    after(async () => {
      await (editor as EditorPage | undefined)?.close();
      await (nodeRed as RunningNodeRed | undefined)?.stop();
    });

    afterEach(() => assert.deepEqual(editor.complaints(), [], 'the console is clean'));

    it('shows every node in the category LLM IoT, with label and icon', async () => {
      const { page } = editor;
      const shown = await page.$$eval(
        '.red-ui-palette-node[data-palette-type^="llm-iot-"]',
        (nodes) =>
          nodes.map((node) => ({
            type: node.getAttribute('data-palette-type') ?? '',
            label: node.querySelector('.red-ui-palette-label')?.textContent,
            category: node
              .closest('.red-ui-palette-category')
              ?.querySelector('.red-ui-palette-header')?.textContent,
            icon:
              node.querySelector<HTMLElement>('.red-ui-palette-icon')?.style.backgroundImage ?? '',
          })),
      );
      assert.deepEqual(shown.map(({ type }) => type).sort(), [...paletteTypes].sort());
      for (const { type, label, category, icon } of shown) {
        const name = type.replace('llm-iot-', '');
        assert.equal(oneLine(label), name.replaceAll('-', ' '));
        assert.equal(oneLine(category), 'LLM IoT');
        assert.match(icon, new RegExp(`/${name}\\.svg`));
        const response = await page.request.get(
          `${nodeRed.url}/icons/@llm-iot/node-red-hub/${name}.svg`,
        );
        assert.match(await response.text(), /viewBox="0 0 40 60"/);
      }
      await page
        .locator('.red-ui-palette-node[data-palette-type="llm-iot-alert"]')
        .scrollIntoViewIfNeeded();
      await editor.picture('palette');
    });

    it('chooses the only hub for a node that is dragged in', async () => {
      const { page } = editor;
      const source = page.locator('.red-ui-palette-node[data-palette-type="llm-iot-mqtt-in"]');
      await source.scrollIntoViewIfNeeded();
      await source.dragTo(page.locator('#red-ui-workspace-chart'), {
        targetPosition: { x: 400, y: 300 },
      });
      await page.locator('.red-ui-flow-node').first().dblclick();
      await page.waitForSelector('#node-input-hub');
      assert.equal(await page.inputValue('#node-input-hub'), hubId);
      await editor.saveForm('node');
    });

    for (const type of types) {
      it(`opens, saves and reopens the form of ${type}`, async () => {
        const { page } = editor;
        const [id, kind, nameField] = [idOf(type), kindOf(type), `#${prefixOf(type)}-name`];
        if (kind === 'node') await editor.addNode({ id, type, z: tab.id, hub: hubId });
        const before = await editor.fieldsOf(id);

        await editor.openForm(id, kind);
        const blank = await page.$$eval('.red-ui-tray-body [data-i18n]:not(input)', (elements) =>
          elements
            .filter(({ textContent }) => !textContent.trim() || textContent.includes('llm-iot-'))
            .map((element) => element.outerHTML),
        );
        assert.deepEqual(blank, [], 'every text is there');
        const excess = await page.$eval(
          '.red-ui-tray-body',
          (body) => body.scrollHeight - body.clientHeight,
        );
        assert.ok(excess <= 0, `the form fits on a screen; it is ${excess} pixels too high`);
        await editor.picture(type.replace('llm-iot-', ''));
        await page.fill(nameField, 'Renamed');
        await editor.saveForm(kind);
        assert.deepEqual(await editor.fieldsOf(id), before, 'nothing but the name has changed');

        await editor.openForm(id, kind);
        assert.equal(await page.inputValue(nameField), 'Renamed');
        await editor.saveForm(kind);
      });

      it(`shows the help of ${type}`, async () => {
        await editor.page.evaluate((helpType) => RED.sidebar.help.show(helpType), type);
        const help = editor.page.locator('.red-ui-help', { hasText: 'References' }).first();
        await help.waitFor();
        assert.match(oneLine(await help.textContent()), /Details.*Example.*References/);
      });
    }

    it('saves what is chosen in check boxes and written in JSON editors', async () => {
      const { page } = editor;
      const id = idOf('llm-iot-rpc-in');
      const write = (text: string): Promise<void> =>
        page.evaluate((json) => {
          const pane = document.querySelector('#node-input-params-editor');
          const editors = monaco.editor.getEditors();
          editors.find((one) => pane?.contains(one.getDomNode()))?.setValue(json);
        }, text);
      const problem = page.locator('[data-tab="params"] .llm-iot-problem');

      await editor.openForm(id, 'node');
      await page.fill('#node-input-method', 'house.test');
      await page.getByLabel('user_viewer').check();
      await page.getByLabel('llm_write').uncheck();
      await page.locator('.llm-iot-tabs').getByText('Params').click();
      await write('{"type": "object", ');
      await problem.filter({ hasText: 'not JSON' }).waitFor();
      await editor.picture('rpc-in-params');
      await write('{"type":"object","required":["a"]}');
      await problem.filter({ hasText: /^$/ }).waitFor({ state: 'attached' });
      await editor.saveForm('node');

      const saved = await page.evaluate((nodeId) => {
        const { method, roles, params, valid } = RED.nodes.node(nodeId);
        return { method, roles, params: JSON.parse(String(params)) as unknown, valid };
      }, id);
      assert.deepEqual(saved, {
        method: 'house.test',
        roles: ['llm_read', 'user_viewer'],
        params: { type: 'object', required: ['a'] },
        valid: true,
      });
    });

    it('keeps what is written in a form while the form of its hub is open on top', async () => {
      const { page } = editor;
      const id = idOf('llm-iot-rpc-in');
      const before = await editor.fieldsOf(id);
      await editor.openForm(id, 'node');
      await page.click('#node-input-btn-hub-edit');
      await page.waitForSelector('#node-config-dialog-ok');
      await editor.saveForm('config');
      await page.waitForSelector('#node-dialog-ok');
      await editor.saveForm('node');
      assert.deepEqual(await editor.fieldsOf(id), before);
    });

    it('shows only the fields that matter', async () => {
      const { page } = editor;
      await editor.openForm(idOf('llm-iot-mqtt-in'), 'node');
      await page.waitForSelector('#node-input-batch', { state: 'visible' });
      await page.selectOption('#node-input-branch', 'status');
      await page.waitForSelector('#node-input-batch', { state: 'hidden' });
      await editor.saveForm('node');
    });

    it('tries a store with what its form says, and tells how the running one is', async () => {
      const { page } = editor;
      const result = (): Promise<string | null> => page.textContent('#llm-iot-store-result');
      await editor.openForm(idOf('llm-iot-store'), 'config');
      await page.waitForFunction(() =>
        document.querySelector('#llm-iot-store-result')?.textContent.includes('SQLite'),
      );
      await page.selectOption('#node-config-input-kind', 'influxdb1');
      await page.fill('#node-config-input-url', 'http://127.0.0.1:1');
      await page.fill('#node-config-input-password', 'a secret');
      await page.click('#llm-iot-store-test');
      await page.waitForFunction(() =>
        document.querySelector('#llm-iot-store-result')?.textContent.includes('127.0.0.1:1'),
      );
      assert.doesNotMatch((await result()) ?? '', /a secret/);
      await editor.picture('llm-iot-store-influxdb');
      await page.click('#node-config-dialog-cancel');
      await page.waitForSelector('#node-config-dialog-ok', { state: 'detached' });
    });

    it('lists all examples in the import dialog, and an imported one uses the hub that is there', async () => {
      const { page } = editor;
      const examples = readdirSync(join(root, 'examples'))
        .filter((file) => file.endsWith('.json'))
        .map((file) => file.replace('.json', ''));
      await page.evaluate(() => RED.actions.invoke('core:show-examples-import-dialog'));
      const dialog = page.locator('#red-ui-clipboard-dialog');
      await dialog.getByText('@llm-iot/node-red-hub').click();
      for (const example of examples) await dialog.getByText(example, { exact: true }).waitFor();
      await editor.picture('examples');

      await dialog.getByText('01-rpc-in', { exact: true }).click();
      await page.click('#red-ui-clipboard-dialog-ok');
      await page.getByText('Import copy').click();
      await page.locator('.red-ui-tab-label', { hasText: 'Example: rpc in' }).first().click();
      await page.locator('.red-ui-flow-node', { hasText: /^house\.greet$/ }).waitFor();
      await editor.picture('example');
      const hubs = await page.evaluate(() => {
        const found: string[] = [];
        RED.nodes.eachConfig(({ id, type }) => {
          if (type === 'llm-iot-hub') found.push(id);
        });
        return found;
      });
      assert.deepEqual(hubs, [hubId]);
    });
  });
