import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const read = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8');

interface Manifest {
  name: string;
  files: string[];
  'node-red': { nodes: Record<string, string> };
}
const manifest = JSON.parse(read('package.json')) as Manifest;
const names = Object.keys(manifest['node-red'].nodes);
const configNodes = new Set(['hub', 'broker', 'store', 'policy']);

const catalogues = new Map<string, Record<string, unknown>>();
const catalogueOf = (name: string): Record<string, unknown> => {
  const known = catalogues.get(name) ?? JSON.parse(read('nodes/locales/en-US', `${name}.json`));
  catalogues.set(name, known);
  return known;
};

/** The text under a key such as `llm-iot-hub.editor.name`, in the catalogue of one node. */
function textAt(name: string, key: string): unknown {
  let at: unknown = catalogueOf(name);
  for (const part of key.split('.')) at = (at as Record<string, unknown> | undefined)?.[part];
  return at;
}

const all = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map((match) => match[1]!);

/** The members of an object literal such as `defaults: { ... }`, by the indentation that prettier gives them. */
function membersOf(html: string, literal: string): string[] {
  const body =
    new RegExp(`^    ${literal}: \\{\\n([\\s\\S]*?)^    \\},`, 'm').exec(html)?.[1] ?? '';
  return all(body, /^ {6}(\w+): /gm);
}

describe('the editor files of every node', () => {
  for (const name of names) {
    const type = `llm-iot-${name}`;
    const isConfig = configNodes.has(name);

    describe(type, () => {
      const html = read('nodes', `${name}.html`);
      const help = read('nodes/locales/en-US', `${name}.html`);

      it('has its source, form, texts, help and, on the palette, an icon', () => {
        assert.ok(existsSync(join(root, 'nodes', `${name}.ts`)));
        assert.match(html, new RegExp(`data-template-name="${type}"`));
        assert.match(html, new RegExp(`registerType\\('${type}'`));
        assert.match(help, new RegExp(`data-help-name="${type}"`));
        assert.deepEqual(Object.keys(catalogueOf(name)), [type]);
        const icon = read('icons', `${name}.svg`);
        assert.match(icon, /viewBox="0 0 40 60"/);
        if (!isConfig) assert.match(html, new RegExp(`icon: '${name}\\.svg'`));
      });

      it('has help with a sentence, inputs, outputs, details, an example and references', () => {
        assert.match(help, /^<script[^>]*>\s*<p>/);
        const sections = all(help, /<h3>([^<]+)<\/h3>/g);
        const inputs = /inputs: 1/.test(html) ? ['Inputs'] : [];
        const outputs = /outputs: [123]/.test(html) ? ['Outputs'] : [];
        assert.deepEqual(sections, [...inputs, ...outputs, 'Details', 'Example', 'References']);
        assert.match(help, /<pre>/);
        if (inputs.length + outputs.length > 0)
          assert.match(help, /<dl class="message-properties">/);
      });

      it('uses only texts that the catalogues have', () => {
        const keys = all(html, /data-i18n="(?:\[\w+\])?([^"]+)"/g);
        assert.ok(keys.length > 0);
        for (const key of keys) {
          const [namespace, ownKey] = key.includes(':')
            ? key.split(':')
            : [`${manifest.name}/${name}`, key];
          const owner = namespace!.slice(manifest.name.length + 1);
          assert.equal(typeof textAt(owner, ownKey!), 'string', key);
        }
      });

      it('has a text for its place on the palette, its ports and every choice', () => {
        assert.equal(typeof textAt(name, `${type}.palette`), 'string');
        const outputs = Number(/outputs: (\d)/.exec(html)?.[1] ?? 0);
        for (let index = 0; index < outputs; index++)
          assert.equal(typeof textAt(name, `${type}.outputs.${index}`), 'string');
        if (/inputs: 1/.test(html)) assert.equal(typeof textAt(name, `${type}.input`), 'string');
        for (const tab of all(html, /data-tab="(\w+)"/g))
          assert.equal(typeof textAt(name, `${type}.tab.${tab}`), 'string');
      });

      it('has a form field for every property and credential', () => {
        const prefix = isConfig ? 'node-config-input' : 'node-input';
        const fields = [...membersOf(html, 'defaults'), ...membersOf(html, 'credentials')];
        assert.ok(fields.includes('name'));
        for (const field of fields)
          assert.match(html, new RegExp(`id="${prefix}-${field}"`), field);
        const shown = all(html, new RegExp(`id="${prefix}-(\\w+)"`, 'g'));
        assert.deepEqual([...shown].sort(), [...fields].sort());
      });
    });
  }

  it('use nothing of that script but what it gives', () => {
    const script = readFileSync(join(root, 'nodes/editor/editor.js'), 'utf8');
    const given: string[] = /RED\.llmIot = \{([^}]+)\}/.exec(script)?.[1]?.match(/\w+/g) ?? [];
    for (const name of names) {
      const html = readFileSync(join(root, 'nodes', `${name}.html`), 'utf8');
      for (const used of all(html, /RED\.llmIot\.(\w+)/g))
        assert.ok(given.includes(used), `${name} uses ${used}`);
    }
  });

  it('share one script, which the package brings along', () => {
    assert.ok(existsSync(join(root, 'resources/editor.js')));
    assert.ok(manifest.files.includes('resources'), 'resources/ is in the files of package.json');
    for (const name of names)
      assert.match(
        read('nodes', `${name}.html`),
        /^<script src="resources\/@llm-iot\/node-red-hub\/editor\.js"><\/script>/,
      );
  });

  it('have the texts of every sentence that the shared script and the runtime use', () => {
    const script = read('resources/editor.js');
    for (const key of all(script, /shared\('([\w.]+)'/g))
      assert.equal(typeof textAt('hub', `llm-iot-hub.editor.${key}`), 'string', key);
    for (const key of [
      'ready',
      'starting',
      'stopped',
      'failed',
      'refused',
      'not_settled',
      'no_hub',
    ])
      assert.equal(typeof textAt('hub', `llm-iot-hub.status.${key}`), 'string', key);
  });
});
