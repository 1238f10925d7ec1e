import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A tool call that the script makes, or the answer it ends with. */
export type Turn =
  | { calls: { name: string; args: Record<string, unknown> }[] }
  | { say: (results: string[]) => string };

/** What came in with one request, whichever the format. */
export interface ModelRequest {
  headers: Record<string, string | string[] | undefined>;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read whatever the flow sends
  body: any;
  system: string;
  tools: string[];
}

/**
 * An endpoint that speaks OpenAI's chat completions (`/v1/chat/completions`) and Anthropic's messages (`/v1/messages`),
 * strict about what those demand of a request, and plays a script instead of thinking.
 */
export async function startScriptedModel(script: readonly Turn[]): Promise<{
  url: string;
  requests: ModelRequest[];
  close(): Promise<void>;
}> {
  const requests: ModelRequest[] = [];
  const server: Server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const answer = (status: number, body: object): void => {
        res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
      try {
        const body = JSON.parse(Buffer.concat(chunks).toString());
        const isAnthropic = req.url === '/v1/messages';
        const read = isAnthropic ? readAnthropic(body) : readOpenAi(body);
        requests.push({
          headers: req.headers,
          body,
          system: read.system,
          tools: read.tools,
        });
        const turn = script[requests.length - 1] ?? script.at(-1)!;
        answer(200, (isAnthropic ? asAnthropic : asOpenAi)(turn, read.results));
      } catch (error) {
        answer(400, { error: { message: String(error) } });
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what a client sends is looked at member by member
type Body = any;

interface Read {
  system: string;
  tools: string[];
  results: string[];
}

function demand(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

const toolName = /^[a-zA-Z0-9_-]{1,64}$/;

function readOpenAi(body: Body): Read {
  demand(typeof body.model === 'string', 'model is missing');
  const tools = body.tools.map((tool: Body) => {
    demand(tool.type === 'function', 'a tool is a function');
    demand(toolName.test(tool.function.name), `the name ${tool.function.name}`);
    demand(tool.function.parameters.type === 'object', 'parameters are an object');
    return tool.function.name as string;
  });
  const asked = new Set<string>();
  const results: string[] = [];
  for (const message of body.messages.slice(1)) {
    for (const { id } of message.tool_calls ?? []) asked.add(id);
    if (message.role !== 'tool') continue;
    demand(asked.delete(message.tool_call_id), 'a result is of a call before it');
    demand(typeof message.content === 'string', 'content is a text');
    results.push(message.content);
  }
  demand(asked.size === 0, 'every call has its result');
  demand(body.messages[0].role === 'system', 'the first message is the system prompt');
  return { system: body.messages[0].content, tools, results };
}

function readAnthropic(body: Body): Read {
  demand(body.max_tokens > 0, 'max_tokens is missing');
  const tools = body.tools.map((tool: Body) => {
    demand(toolName.test(tool.name), `the name ${tool.name}`);
    demand(tool.input_schema.type === 'object', 'input_schema is an object');
    return tool.name as string;
  });
  const results: string[] = [];
  body.messages.forEach((message: Body, index: number) => {
    demand(message.role === (index % 2 === 0 ? 'user' : 'assistant'), 'roles alternate');
    if (typeof message.content === 'string') return;
    for (const part of message.content) {
      if (part.type !== 'tool_result') continue;
      const before = body.messages[index - 1].content;
      demand(
        before.some((one: Body) => one.type === 'tool_use' && one.id === part.tool_use_id),
        'a result is of a call in the message before it',
      );
      results.push(part.content);
    }
  });
  return { system: body.system, tools, results };
}

function asOpenAi(turn: Turn, results: string[]): object {
  const message =
    'say' in turn
      ? { role: 'assistant', content: turn.say(results) }
      : {
          role: 'assistant',
          content: null,
          tool_calls: turn.calls.map(({ name, args }, index) => ({
            id: `call_${results.length + index}`,
            type: 'function',
            function: { name, arguments: JSON.stringify(args) },
          })),
        };
  return { choices: [{ index: 0, message, finish_reason: 'stop' }] };
}

function asAnthropic(turn: Turn, results: string[]): object {
  const content =
    'say' in turn
      ? [{ type: 'text', text: turn.say(results) }]
      : turn.calls.map(({ name, args }, index) => ({
          type: 'tool_use',
          id: `toolu_${results.length + index}`,
          name,
          input: args,
        }));
  return { role: 'assistant', content, stop_reason: 'say' in turn ? 'end_turn' : 'tool_use' };
}
