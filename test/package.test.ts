import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from './support/hub-client.ts';
import { nodeRedVersions, startNodeRed, type RunningNodeRed } from './support/node-red-process.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const name = '@llm-iot/node-red-hub';

interface Manifest {
  version: string;
  bin: Record<string, string>;
  dependencies: Record<string, string>;
  'node-red': { nodes: Record<string, string> };
}
const readManifest = async (folder: string): Promise<Manifest> =>
  JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;

/** Packs this checkout and installs the tarball beside its dependencies, as npm would, without the network. */
async function install(folder: string): Promise<string> {
  await run(
    'npm',
    ['pack', '--ignore-scripts', '--offline', '--silent', '--pack-destination', folder],
    { cwd: root },
  );
  const tarball = (await readdir(folder)).find((file) => file.endsWith('.tgz'))!;
  const modules = join(folder, 'node_modules');
  const packageDir = join(modules, name);
  await mkdir(packageDir, { recursive: true });
  await run('tar', ['-xzf', join(folder, tarball), '--strip-components=1', '-C', packageDir]);
  for (const dependency of Object.keys((await readManifest(packageDir)).dependencies)) {
    await mkdir(dirname(join(modules, dependency)), { recursive: true });
    await symlink(join(root, 'node_modules', dependency), join(modules, dependency), 'junction');
  }
  return packageDir;
}

describe('the package as npm packs it', function () {
  this.timeout(120_000);
  let folder: string;
  let packageDir: string;
  let files: string[];
  let manifest: Manifest;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'llm-iot-pack-'));
    packageDir = await install(folder);
    manifest = await readManifest(packageDir);
    files = (await readdir(packageDir, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(packageDir.length + 1))
      .sort();
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('holds for every node its code, form, icon, labels and help', () => {
    for (const [node, file] of Object.entries(manifest['node-red'].nodes))
      for (const expected of [
        file,
        file.replace('.js', '.html'),
        `dist/icons/${node}.svg`,
        `dist/locales/en-US/${node}.json`,
        `dist/locales/en-US/${node}.html`,
      ])
        assert.ok(files.includes(expected), expected);
  });

  it('holds the flow, its settings, examples, documents, licence and worker threads', () => {
    for (const expected of [
      'flows/hub.json',
      'flows/settings.js',
      'examples/01-rpc-in.json',
      'README.md',
      'CHANGELOG.md',
      'LICENSE',
      'docs/protocol.md',
      'dist/adapters/storage/sqlite/sqlite-writer.worker.js',
    ])
      assert.ok(files.includes(expected), expected);
  });

  it('holds neither sources, tests, data nor anything hidden', () => {
    const folders = new Set(files.map((file) => file.split('/')[0]));
    for (const unwanted of ['test', 'nodes', 'bench', 'scripts', 'hub-data', 'node_modules'])
      assert.ok(!folders.has(unwanted), unwanted);
    assert.deepEqual(
      files.filter((file) => /\.(ts|db|tgz|log)$|(^|\/)\./.test(file)),
      [],
    );
  });

  it('runs as a program: commands, and the bridge of MCP', async () => {
    const [[command, file] = []] = Object.entries(manifest.bin);
    // `npx @llm-iot/node-red-hub` looks for this name.
    assert.equal(command, 'node-red-hub');
    const bin = join(packageDir, file!);
    const { stdout } = await run(process.execPath, [bin, '--help']);
    assert.match(stdout, /^ {2}mcp \[--url URL\]/m);
    assert.match(await readFile(bin, 'utf8'), /^#!\/usr\/bin\/env node\n/);
    const bridge = run(process.execPath, [bin, 'mcp', '--url', 'http://127.0.0.1:9']);
    bridge.child.stdin?.end();
    assert.equal((await bridge).stdout, '');
  });

  for (const nodeRed of nodeRedVersions)
    describe(`installed in ${nodeRed}`, () => {
      let running: RunningNodeRed;
      const get = async (path: string): Promise<unknown> => {
        const response = await fetch(`${running.url}${path}`, {
          headers: { accept: 'application/json' },
        });
        assert.equal(response.status, 200, path);
        return response.json();
      };

      before(async () => {
        running = await startNodeRed({ nodeRed, packageDir });
      });
      after(() => running.stop());

      it('loads every node without an error', async () => {
        const sets = ((await get('/nodes')) as NodeSet[]).filter(({ module }) => module === name);
        assert.deepEqual(
          sets.map((set) => set.name).sort(),
          Object.keys(manifest['node-red'].nodes).sort(),
        );
        for (const set of sets) {
          assert.equal(set.err, undefined, set.name);
          assert.equal(set.enabled, true);
          assert.equal(set.version, manifest.version);
          assert.deepEqual(set.types, [`llm-iot-${set.name}`]);
        }
        assert.doesNotMatch(running.output(), /\[error\]|llm-iot.*\[warn\]|missing/i);
      });

      it('serves the icons', async () => {
        const icons = (await get('/icons')) as Record<string, string[]>;
        assert.deepEqual(
          icons[name]?.toSorted(),
          Object.keys(manifest['node-red'].nodes)
            .map((node) => `${node}.svg`)
            .sort(),
        );
      });

      it('offers every example for import', async () => {
        assert.ok(((await get('/library/examples/flows/')) as string[]).includes(name));
        const listed = (await get(`/library/examples/flows/${name}/`)) as { fn: string }[];
        assert.deepEqual(
          listed.map(({ fn }) => `examples/${fn}.json`).sort(),
          files.filter((file) => /^examples\/.*\.json$/.test(file)),
        );
        const example = await get(`/library/examples/flows/${name}/01-rpc-in`);
        assert.ok((example as { type: string }[]).some(({ type }) => type === 'llm-iot-rpc-in'));
      });

      it('runs the flow it ships', async () => {
        const flow = await readFile(join(packageDir, 'flows/hub.json'), 'utf8');
        const deployed = await fetch(`${running.url}/flows`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: flow,
        });
        assert.ok(deployed.ok);
        await eventually('the hub is up', async () => {
          const response = await fetch(`${running.url}/rpc`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: '{"jsonrpc":"2.0","id":1,"method":"hub.health"}',
          });
          return response.ok && (await response.text()).includes('"up"');
        });
        assert.match(running.output(), /LLM-IoT hub is ready/);
        assert.doesNotMatch(running.output(), /\[error\]/i);
      });
    });

  describe("the flow library's scorecard (node-red-dev)", () => {
    const require = createRequire(import.meta.url);
    const dev = dirname(require.resolve('node-red-dev/package.json'));
    const scorecard: Record<string, { test: boolean }> = {};
    const warnings: string[] = [];

    before(async () => {
      // It asks the network for the catalogue and for the versions of Node-RED there are. Names can be compared only
      // there; the versions are those that are installed here.
      const versions = Object.fromEntries(
        nodeRedVersions.map((version) => {
          const known = require(`${version}/package.json`) as { version: string };
          return [known.version, known];
        }),
      );
      const [latest, maintenance] = Object.keys(versions);
      const axios = createRequire(join(dev, 'package.json'))('axios') as {
        get: (url: string) => Promise<object>;
      };
      axios.get = (url) =>
        Promise.resolve({
          data: url.includes('catalogue')
            ? { modules: [] }
            : { versions, 'dist-tags': { latest, 'v4-maintenance': maintenance } },
        });
      const cli = {
        log: () => undefined,
        warn: (text: string) => warnings.push(text),
        error: (error: unknown) => {
          throw error as Error;
        },
      };
      for (const check of ['checkpackage', 'checknodes']) {
        const validate = require(join(dev, 'src/libs', check)) as (
          ...args: [string, object, object, false]
        ) => Promise<unknown>;
        await validate(packageDir, cli, scorecard, false);
      }
      await eventually('the examples are checked', () => Promise.resolve('N02' in scorecard));
    });

    const checks = {
      P01: 'the licence',
      P04: 'the scoped name',
      P05: 'the keyword',
      P06: 'the versions of Node-RED',
      N01: 'the names of the nodes',
      N02: 'an example for every node',
    };
    for (const [check, what] of Object.entries(checks))
      it(`approves of ${what}`, () => {
        assert.equal(scorecard[check]?.test, true, warnings.join('\n'));
      });

    it('has nothing else to say than what is known', () => {
      const known = [
        'P03', // where the project is to be found: decided when it is published
        'P07', // Node-RED 5 would run on Node.js 22.9, node:sqlite only on 22.13
      ];
      assert.deepEqual(
        warnings.filter((text) => !known.includes(text.split(' ')[0] ?? '')),
        [],
      );
    });
  });
});

interface NodeSet {
  module: string;
  name: string;
  types: string[];
  enabled: boolean;
  version: string;
  err?: unknown;
}
