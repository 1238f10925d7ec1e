#!/usr/bin/env node
import { runHubCommand } from './main.ts';

// What `npx @llm-iot/node-red-hub <command>` runs. Messages of MCP go to standard output, so errors of commands do not.
process.exitCode = await runHubCommand(process.argv.slice(2), (line) => {
  if (process.argv[2] === 'mcp') console.error(line);
  else console.log(line);
});
