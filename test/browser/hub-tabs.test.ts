import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openEditor, type EditorPage } from '../support/editor-page.ts';
import { getFlow, type FlowNode } from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';

/** `LLM_IOT_SCREENSHOTS=docs/images` renews the pictures of the README. */
const pictures = process.env['LLM_IOT_SCREENSHOTS'];

describe('the tabs of the running hub', function () {
  this.timeout(90_000);
  this.slow(10_000);
  let hub: RunningHub;
  let editor: EditorPage;
  let flow: FlowNode[];

  before(async function () {
    hub = await startHub();
    flow = await getFlow(hub);
    editor = await openEditor(this, { url: hub.url, lastType: 'llm-iot-hub-info', folder: 'hub' });
    await editor.page.setViewportSize({ width: 1600, height: 860 });
    if (pictures) await mkdir(pictures, { recursive: true });
  });
  after(async () => {
    await (editor as EditorPage | undefined)?.close();
    await hub.stop();
    await hub.cleanUp();
  });

  it('render in the editor with all their nodes, each showing that the hub is ready, without a console error', async () => {
    for (const tab of flow.filter(({ type }) => type === 'tab')) {
      await editor.page.click(`.red-ui-tab:has-text("${String(tab['label'])}") >> nth=0`);
      const onTab = flow.filter(({ z, type }) => z === tab.id && type !== 'group');
      for (const { id } of onTab)
        await editor.page.waitForSelector(`[id="${id}"]`, { state: 'attached' });
      const ours = onTab.filter(({ type }) => type.startsWith('llm-iot-'));
      await editor.page.waitForFunction(
        (count) =>
          [...document.querySelectorAll('.red-ui-flow-node-status-label')].filter(
            (label) => label.textContent === 'ready',
          ).length >= count,
        ours.length,
      );
      const unknown = await editor.page.locator('.red-ui-flow-node-unknown').count();
      assert.equal(unknown, 0);
      if (pictures) {
        const name = String(tab['label']).toLowerCase().replaceAll(' ', '-');
        await editor.page.screenshot({ path: join(pictures, `tab-${name}.png`) });
      }
    }
    assert.deepEqual(editor.complaints(), []);
  });
});
