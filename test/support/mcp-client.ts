import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  ElicitRequestSchema,
  ResourceListChangedNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';

/** The official clients: the first line of the SDK, and the second one with either revision. */
export const mcpClientKinds = [
  'sdk 1, 2025-11-25',
  'sdk 2, 2025-11-25',
  'sdk 2, 2026-07-28',
] as const;
export type McpClientKind = (typeof mcpClientKinds)[number];

export interface McpTool {
  name: string;
  title?: string | undefined;
  inputSchema: object;
  outputSchema?: object | undefined;
  annotations?: Record<string, unknown> | undefined;
}

export interface McpToolResult {
  content: { type: string; text?: string }[];
  structuredContent?: Record<string, unknown>;
  isError?: boolean;
}

/** What the tests need of a client, whichever it is. */
export interface TestMcpClient {
  version(): string | undefined;
  sessionId(): string | undefined;
  tools(): Promise<McpTool[]>;
  callTool(
    name: string,
    args?: object,
    options?: { signal?: AbortSignal; onprogress?: (progress: { progress: number }) => void },
  ): Promise<McpToolResult>;
  /** All of them, page by page. */
  resources(): Promise<{ uri: string; title?: string | undefined }[]>;
  templates(): Promise<string[]>;
  read(uri: string): Promise<Record<string, unknown>>;
  prompts(): Promise<string[]>;
  prompt(name: string, args: Record<string, string>): Promise<string>;
  complete(ref: object, name: string, value: string): Promise<string[]>;
  /** Hears of changes from now on: `tools`, `resources`, or a URI. */
  follow(uris: string[]): Promise<string[]>;
  close(): Promise<void>;
}

interface Options {
  url: string;
  key: string;
  /** What the person in front of the client answers; without it the client cannot ask. */
  answer?: (message: string) => { action: string; content?: object };
}

/** Connects a client. */
export async function connectMcp(kind: McpClientKind, options: Options): Promise<TestMcpClient> {
  return kind === 'sdk 1, 2025-11-25' ? connectOld(options) : connectModern(kind, options);
}

const requestInit = (key: string): RequestInit => ({ headers: { authorization: `Bearer ${key}` } });
const info = { name: 'test-client', version: '1.2' };
/* eslint-disable @typescript-eslint/no-explicit-any -- both SDKs have types of their own for the same things */
const textOf = (contents: any[]): any => JSON.parse(contents[0].text as string);
const promptText = ({ messages }: any): string => messages[0].content.text as string;

async function allPages<T>(
  list: (cursor?: string) => Promise<{ items: T[]; nextCursor?: string | undefined }>,
): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await list(cursor);
    all.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return all;
}

async function connectOld({ url, key, answer }: Options): Promise<TestMcpClient> {
  const client = new OldClient(info, { capabilities: answer ? { elicitation: {} } : {} });
  if (answer)
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => answer(params.message) as any);
  const transport = new OldTransport(new URL(url), { requestInit: requestInit(key) });
  await client.connect(transport);
  const common = commonOf(client);
  return {
    ...common,
    version: () => transport.protocolVersion,
    sessionId: () => transport.sessionId,
    callTool: (name, args = {}, options = {}) =>
      client.callTool({ name, arguments: { ...args } }, undefined, options) as any,
    async follow(uris) {
      const heard: string[] = [];
      client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
        heard.push(params.uri);
      });
      client.setNotificationHandler(ResourceListChangedNotificationSchema, () => {
        heard.push('resources');
      });
      client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
        heard.push('tools');
      });
      for (const uri of uris) await client.subscribeResource({ uri });
      return heard;
    },
  };
}

async function connectModern(
  kind: McpClientKind,
  { url, key, answer }: Options,
): Promise<TestMcpClient> {
  const isModern = kind === 'sdk 2, 2026-07-28';
  const client = new ModernClient(info, {
    capabilities: answer ? { elicitation: { form: {} } } : {},
    versionNegotiation: { mode: isModern ? 'auto' : 'legacy' },
  });
  if (answer)
    client.setRequestHandler('elicitation/create', ({ params }) => answer(params.message) as any);
  const transport = new ModernTransport(new URL(url), { requestInit: requestInit(key) });
  await client.connect(transport);
  const common = commonOf(client);
  return {
    ...common,
    version: () => client.getNegotiatedProtocolVersion(),
    sessionId: () => transport.sessionId,
    callTool: (name, args = {}, options = {}) =>
      client.callTool({ name, arguments: { ...args } }, options) as any,
    async follow(uris) {
      const heard: string[] = [];
      client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
        heard.push(params.uri);
      });
      client.setNotificationHandler('notifications/resources/list_changed', () => {
        heard.push('resources');
      });
      client.setNotificationHandler('notifications/tools/list_changed', () => {
        heard.push('tools');
      });
      if (isModern)
        await client.listen({
          toolsListChanged: true,
          resourcesListChanged: true,
          resourceSubscriptions: uris,
        });
      else for (const uri of uris) await client.subscribeResource({ uri });
      return heard;
    },
  };
}

const commonOf = (
  client: any,
): Omit<TestMcpClient, 'version' | 'sessionId' | 'callTool' | 'follow'> => ({
  tools: () =>
    allPages(async (cursor) => {
      const { tools, nextCursor } = await client.listTools(cursor === undefined ? {} : { cursor });
      return { items: tools, nextCursor };
    }),
  resources: () =>
    allPages(async (cursor) => {
      const { resources, nextCursor } = await client.listResources(
        cursor === undefined ? {} : { cursor },
      );
      return { items: resources, nextCursor };
    }),
  templates: async () =>
    (await client.listResourceTemplates()).resourceTemplates.map((one: any) => one.uriTemplate),
  read: async (uri) => textOf((await client.readResource({ uri })).contents),
  prompts: async () => (await client.listPrompts()).prompts.map((one: any) => one.name),
  prompt: async (name, args) => promptText(await client.getPrompt({ name, arguments: args })),
  complete: async (ref, name, value) =>
    (await client.complete({ ref, argument: { name, value } })).completion.values,
  close: () => client.close(),
});
/* eslint-enable @typescript-eslint/no-explicit-any */
