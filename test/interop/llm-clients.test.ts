import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { ask } from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';

// Every snippet of docs/llm.md, read out of the page as its client would read it, and used.
const root = join(import.meta.dirname, '..', '..');
const page = readFileSync(join(root, 'docs', 'llm.md'), 'utf8');
const placeholder = 'KEY_OF_YOUR_HUB';

/** The code under the comment with this name. */
function snippet(name: string): string {
  const code = new RegExp(`<!-- ${name} -->\\n+\`\`\`\\w+\\n([^]*?)\n\`\`\``).exec(page)?.[1];
  assert.ok(code, `docs/llm.md has no snippet ${name}`);
  return code;
}

interface HttpServer {
  type: string;
  url: string;
  headers: { Authorization: string };
}

describe('the snippets of docs/llm.md', () => {
  let hub: RunningHub;
  let key: string;

  before(async () => {
    hub = await startHub();
    const made = await ask(hub, 'key.create', { role: 'llm_read', name: 'a model' });
    key = made.key as string;
  });
  after(async () => {
    await hub.stop();
    await hub.cleanUp();
  });

  /** With the address and the key of the hub that runs. */
  const filledIn = (name: string): string =>
    snippet(name).replaceAll('http://127.0.0.1:1880', hub.url).replaceAll(placeholder, key);

  const toolsOver = async (
    transport: StdioClientTransport | StreamableHTTPClientTransport,
  ): Promise<string[]> => {
    const client = new Client({ name: 'snippet', version: '1.0.0' });
    await client.connect(transport);
    try {
      const { tools } = await client.listTools();
      return tools.map(({ name }) => name);
    } finally {
      await client.close();
    }
  };
  const overHttp = (url: string, authorization: string): Promise<string[]> =>
    toolsOver(
      new StreamableHTTPClientTransport(new URL(url), {
        requestInit: { headers: { Authorization: authorization } },
      }),
    );
  const hasReadingTools = (tools: readonly string[]): void => {
    for (const name of ['device_find', 'telemetry_read']) assert.ok(tools.includes(name), name);
    assert.ok(!tools.includes('device_execute'), 'the key only reads');
  };

  it('Claude Desktop has the tools through the bridge', async () => {
    const { mcpServers } = JSON.parse(filledIn('claude-desktop')) as {
      mcpServers: Record<string, { command: string; args: string[]; env: Record<string, string> }>;
    };
    const { command, args, env } = mcpServers['house']!;
    // What `npx -y <package>` does once the package is there: its one command, with the arguments that are left.
    const { name, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      name: string;
      bin: Record<string, string>;
    };
    assert.deepEqual([command, ...args.slice(0, 2)], ['npx', '-y', name]);
    const [script] = Object.values(bin);
    assert.equal(Object.keys(bin).length, 1, 'npx needs no name for it');
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [join(root, script!), ...args.slice(2)],
      env,
    });
    hasReadingTools(await toolsOver(transport));
  });

  it('Claude Code has them by the command', async () => {
    const words = filledIn('claude-code').match(/"[^"]*"|\S+/g)!;
    const [header, url] = [words[words.indexOf('--header') + 1]!, words.at(-1)!];
    assert.deepEqual(words.slice(0, 5), ['claude', 'mcp', 'add', '--transport', 'http']);
    hasReadingTools(await overHttp(url, header.replaceAll('"', '').replace('Authorization: ', '')));
  });

  it('Claude Code has them by .mcp.json', async () => {
    const { mcpServers } = JSON.parse(filledIn('claude-code-project')) as {
      mcpServers: Record<string, HttpServer>;
    };
    const { type, url, headers } = mcpServers['house']!;
    assert.equal(type, 'http');
    hasReadingTools(await overHttp(url, headers.Authorization.replace('${LLM_IOT_KEY}', key)));
  });

  it('VS Code has them by .vscode/mcp.json', async () => {
    const { inputs, servers } = JSON.parse(filledIn('vscode')) as {
      inputs: { id: string; type: string; password: boolean }[];
      servers: Record<string, HttpServer>;
    };
    const { type, url, headers } = servers['house']!;
    const [input] = inputs;
    assert.equal(type, 'http');
    assert.deepEqual([input!.type, input!.password], ['promptString', true]);
    hasReadingTools(
      await overHttp(url, headers.Authorization.replace(`\${input:${input!.id}}`, key)),
    );
  });

  it('the Responses API of OpenAI has them', async () => {
    const { tools } = JSON.parse(filledIn('openai-responses')) as {
      tools: {
        type: string;
        server_label: string;
        server_url: string;
        headers: { Authorization: string };
      }[];
    };
    const [tool] = tools;
    assert.equal(tool!.type, 'mcp');
    hasReadingTools(await overHttp(tool!.server_url, tool!.headers.Authorization));
  });

  it('curl has them', async () => {
    const { stdout } = await promisify(execFile)('sh', ['-c', filledIn('curl')]);
    const text = /^data: (.*)$/m.exec(stdout)?.[1] ?? stdout;
    const { result } = JSON.parse(text) as { result: { tools: { name: string }[] } };
    hasReadingTools(result.tools.map(({ name }) => name));
  });
});
