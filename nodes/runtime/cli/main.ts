import { aclCommands } from './acl.ts';
import { auditCommands } from './audit.ts';
import type { Command } from './command.ts';
import { mcpCommands } from './mcp.ts';
import { secretCommands } from './secrets.ts';
import { tlsCommands } from './tls.ts';

/** Every command there is, in the order of the usage message. */
const commands: readonly Command[] = [
  ...aclCommands,
  ...auditCommands,
  ...mcpCommands,
  ...secretCommands,
  ...tlsCommands,
];

/** Runs `npm run hub -- <words>`, and `npx @llm-iot/node-red-hub <words>` where the package is not checked out. @returns the exit code: 0 done, 1 failed, 2 not understood */
export async function runHubCommand(
  args: readonly string[],
  print: (line: string) => void,
): Promise<number> {
  const command = commands.find(({ words }) => words.every((word, i) => word === args[i]));
  if (!command) {
    print('usage: npm run hub -- <command>');
    for (const { words, usage, summary } of commands)
      print(`  ${[...words, usage].join(' ').trim().padEnd(44)} ${summary}`);
    return args.length === 0 || args[0] === '--help' ? 0 : 2;
  }
  try {
    return await command.run(args.slice(command.words.length), print);
  } catch (error) {
    print(error instanceof Error ? error.message : String(error));
    return 1;
  }
}
