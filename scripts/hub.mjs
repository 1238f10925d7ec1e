// What an administrator does at the machine of a hub: npm run hub -- <command>
import { existsSync } from 'node:fs';

// Built when it is not there yet, and never anew: a hub that runs uses these files.
const commands = new URL('../dist/runtime/cli/main.js', import.meta.url);
if (!existsSync(commands)) await import('./build.mjs');
const { runHubCommand } = await import(commands.href);

process.exitCode = await runHubCommand(process.argv.slice(2), (line) => console.log(line));
