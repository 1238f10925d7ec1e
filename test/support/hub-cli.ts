import { runHubCommand } from '../../nodes/runtime/cli/main.ts';

/** `npm run hub -- <words>` for a data directory. */
export async function hubCli(dataDir: string, ...words: string[]): Promise<string> {
  const lines: string[] = [];
  const code = await runHubCommand([...words, '--data-dir', dataDir], (line) => lines.push(line));
  const text = lines.join('\n');
  if (code !== 0) throw new Error(text);
  return text;
}
