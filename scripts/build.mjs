// Builds dist/ from nodes/: TypeScript to JavaScript, and beside it what Node-RED reads from there
// (editor forms, locales, icons, data files).
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

rmSync(dist, { recursive: true, force: true });
const compiled = spawnSync(process.execPath, [tsc, '-p', root], { stdio: 'inherit' });
if (compiled.status !== 0) process.exit(compiled.status ?? 1);

rmSync(join(root, 'resources'), { recursive: true, force: true });
const isAsset = (path) => !extname(path) || ['.html', '.json', '.svg'].includes(extname(path));
cpSync(join(root, 'nodes'), dist, { recursive: true, filter: isAsset });
mkdirSync(join(dist, 'icons'), { recursive: true });
// Node-RED serves the folder `resources` of a package to the editor.
cpSync(join(root, 'nodes', 'editor'), join(root, 'resources'), { recursive: true });
for (const icon of readdirSync(join(root, 'icons')))
  cpSync(join(root, 'icons', icon), join(dist, 'icons', icon));
