// What an administrator does at the machine of a hub: npm run hub -- <command>
import { runHubCommand } from '../dist/runtime/cli/main.js';

process.exitCode = await runHubCommand(process.argv.slice(2), (line) => console.log(line));
