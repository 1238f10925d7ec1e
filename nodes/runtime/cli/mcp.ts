import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { createBridge } from '../../adapters/mcp-bridge/bridge.ts';
import { readLines } from '../../adapters/mcp-bridge/lines.ts';
import type { Command } from './command.ts';

const usual = 'http://127.0.0.1:1880/mcp';

/** `mcp`: a client that starts its servers as programs (a desktop application) speaks to a hub through this one. */
const bridge: Command = {
  words: ['mcp'],
  usage: '[--url URL] [--key KEY]',
  summary: 'MCP over standard input and output (LLM_IOT_URL, LLM_IOT_KEY)',
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: { url: { type: 'string' }, key: { type: 'string' } },
    });
    const url = urlOf(values.url ?? process.env['LLM_IOT_URL'] ?? usual);
    const key = values.key ?? process.env['LLM_IOT_KEY'];
    // Standard output is for messages alone.
    const log = (text: string): void => void process.stderr.write(`llm-iot mcp: ${text}\n`);
    if (key === undefined) log('no key was given: set LLM_IOT_KEY');
    if (key !== undefined && url.protocol === 'http:' && !isHere(url.hostname))
      log(`the key travels to ${url.hostname} unencrypted: use https`);
    const { take, close } = createBridge({
      url,
      key,
      write: (message) => void process.stdout.write(`${JSON.stringify(message)}\n`),
      log,
    });
    process.stdout.on('error', () => process.exit(0)); // nobody reads any more
    const stopped = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
    await Promise.race([readLines(process.stdin, take, log), stopped]);
    await close();
    process.stdin.destroy();
    return 0;
  },
};

/** Such as `http://hub:1880`, to which the usual path is added. @throws Error for what is no address */
function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new Error(`"${text}" must be like http://127.0.0.1:1880/mcp`);
  if (url.pathname === '/') url.pathname = '/mcp';
  return url;
}

const isHere = (host: string): boolean => /^(localhost|127\.[\d.]+|\[::1\])$/.test(host);

export const mcpCommands: readonly Command[] = [bridge];
