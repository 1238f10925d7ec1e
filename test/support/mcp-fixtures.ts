import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  inputRequired,
  inputResponse,
  MissingRequiredClientCapabilityError,
  type ClientCapabilities,
  type ElicitRequestFormParams,
  type InputRequest,
} from '@modelcontextprotocol/server';
import type { McpCall, McpHandler, McpSurface } from '../../nodes/adapters/mcp/types.ts';

type Tool = (call: McpCall, args: Record<string, string>) => Promise<object> | object;

const image = {
  type: 'image',
  data: 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==',
  mimeType: 'image/png',
};
const audio = {
  type: 'audio',
  data: 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=',
  mimeType: 'audio/wav',
};
const text = (words: string): object => ({ type: 'text', text: words });
const says = (words: string): object => ({ content: [text(words)] });
const resource = (uri: string, mimeType: string, content: string): object => ({
  type: 'resource',
  resource: { uri, mimeType, text: content },
});

type Properties = ElicitRequestFormParams['requestedSchema']['properties'];
const form = (properties: Properties, required: string[] = []): object => ({
  type: 'object',
  properties,
  required,
});
const ask = (message: string, properties: Properties): InputRequest =>
  inputRequired.elicit({
    message,
    requestedSchema: { type: 'object', properties, required: Object.keys(properties) },
  });
const sample = (words: string, maxTokens: number): InputRequest =>
  inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: words } }],
    maxTokens,
  });

/** What the older revisions ask in the middle of a call. */
const elicit = async (
  { ctx }: McpCall,
  message: string,
  requestedSchema: object,
): Promise<{ action: string; content?: object }> =>
  (await ctx.mcpReq.send({
    method: 'elicitation/create',
    params: { mode: 'form', message, requestedSchema },
  })) as { action: string; content?: object };

/** What the client can do, as a request of revision 2026-07-28 says. */
const declaredBy = ({ mcpReq }: McpCall['ctx']): ClientCapabilities | undefined =>
  (mcpReq.envelope as Record<string, ClientCapabilities> | undefined)?.[
    CLIENT_CAPABILITIES_META_KEY
  ];

const choices = ['option1', 'option2', 'option3'];
const titled = (what: string): { const: string; title: string }[] =>
  ['First', 'Second', 'Third'].map((nth, i) => ({
    const: `value${i + 1}`,
    title: `${nth} ${what}`,
  }));

const schema2020 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: {
      $anchor: 'addressDef',
      type: 'object',
      properties: { street: { type: 'string' }, city: { type: 'string' } },
    },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
};

/**
 * What the conformance suite demands of a server under test: tools, resources and prompts of fixed names and contents.
 * @param toggleTool changes the list of tools
 */
export function withFixtures(surface: McpSurface, toggleTool: () => void): McpSurface {
  const codec = createRequestStateCodec<{ step: number }>({ key: randomBytes(32) });

  const tools: Record<string, Tool> = {
    test_simple_text: () => says('This is a simple text response for testing.'),
    test_image_content: () => ({ content: [image] }),
    test_audio_content: () => ({ content: [audio] }),
    test_embedded_resource: () => ({
      content: [
        resource('test://embedded-resource', 'text/plain', 'This is an embedded resource content.'),
      ],
    }),
    test_multiple_content_types: () => ({
      content: [
        text('Multiple content types test:'),
        image,
        resource(
          'test://mixed-content-resource',
          'application/json',
          JSON.stringify({ test: 'data', value: 123 }),
        ),
      ],
    }),
    async test_tool_with_logging({ ctx }) {
      for (const data of [
        'Tool execution started',
        'Tool processing data',
        'Tool execution completed',
      ]) {
        await ctx.mcpReq.notify({
          method: 'notifications/message',
          params: { level: 'info', data },
        });
        await sleep(50);
      }
      return says('Tool with logging executed successfully');
    },
    async test_logging_tool({ ctx }) {
      // Told only where the request asks for a level.
      // eslint-disable-next-line @typescript-eslint/no-deprecated -- what the suite tests
      await ctx.mcpReq.log('info', 'a diagnostic message');
      return says('logged');
    },
    test_error_handling: () => ({
      ...says('This tool intentionally returns an error for testing'),
      isError: true,
    }),
    async test_tool_with_progress({ ctx }) {
      const progressToken = ctx.mcpReq._meta?.progressToken;
      for (const progress of [0, 50, 100]) {
        const params = { progressToken, progress, total: 100 };
        if (progressToken !== undefined)
          await ctx.mcpReq.notify({ method: 'notifications/progress', params });
        await sleep(50);
      }
      return says('done');
    },
    async test_sampling({ ctx }, { prompt = '' }) {
      const { content } = (await ctx.mcpReq.send({
        method: 'sampling/createMessage',
        params: {
          messages: [{ role: 'user', content: { type: 'text', text: prompt } }],
          maxTokens: 100,
        },
      })) as { content: { text?: string } };
      return says(`LLM response: ${content.text ?? ''}`);
    },
    async test_elicitation(call, { message = '' }) {
      const username = { type: 'string' as const, description: "User's response" };
      const email = { type: 'string' as const, description: "User's email address" };
      const schema = form({ username, email }, ['username', 'email']);
      const { action, content = {} } = await elicit(call, message, schema);
      return says(`User response: action=${action}, content=${JSON.stringify(content)}`);
    },
    async test_elicitation_sep1034_defaults(call) {
      const { action, content = {} } = await elicit(
        call,
        'Review these',
        form({
          name: { type: 'string', default: 'John Doe' },
          age: { type: 'integer', default: 30 },
          score: { type: 'number', default: 95.5 },
          status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
          verified: { type: 'boolean', default: true },
        }),
      );
      return says(`Elicitation completed: action=${action}, content=${JSON.stringify(content)}`);
    },
    async test_elicitation_sep1330_enums(call) {
      const { action, content = {} } = await elicit(
        call,
        'Choose',
        form({
          untitledSingle: { type: 'string', enum: choices },
          titledSingle: { type: 'string', oneOf: titled('Option') },
          legacyEnum: {
            type: 'string',
            enum: ['opt1', 'opt2', 'opt3'],
            enumNames: ['Option One', 'Option Two', 'Option Three'],
          },
          untitledMulti: { type: 'array', items: { type: 'string', enum: choices } },
          titledMulti: { type: 'array', items: { anyOf: titled('Choice') } },
        }),
      );
      return says(`Elicitation completed: action=${action}, content=${JSON.stringify(content)}`);
    },
    json_schema_2020_12_tool: (_call, args) => says(JSON.stringify(args)),
    test_missing_capability({ ctx }) {
      const declared = declaredBy(ctx);
      if (!declared?.sampling)
        throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } });
      return says('it is there');
    },
    test_streaming_elicitation: ({ ctx }) =>
      inputResponse(ctx.mcpReq.inputResponses, 'go').kind === 'elicit'
        ? says('gone on')
        : inputRequired({ inputRequests: { go: ask('Go on?', { ok: { type: 'boolean' } }) } }),
    test_trigger_tool_change() {
      toggleTool();
      return says('toggled');
    },
    test_trigger_prompt_change() {
      toggleTool();
      return says('toggled');
    },

    test_input_required_result_elicitation({ ctx }) {
      const given = acceptedContent<{ name?: string }>(ctx.mcpReq.inputResponses, 'user_name');
      if (given?.name !== undefined) return says(`Hello, ${given.name}!`);
      return inputRequired({
        inputRequests: { user_name: ask('What is your name?', { name: { type: 'string' } }) },
      });
    },
    test_input_required_result_sampling({ ctx }) {
      const view = inputResponse(ctx.mcpReq.inputResponses, 'capital_question');
      if (view.kind === 'sampling') return says(JSON.stringify(view.result.content));
      const capital_question = sample('What is the capital of France?', 100);
      return inputRequired({ inputRequests: { capital_question } });
    },
    test_input_required_result_list_roots({ ctx }) {
      const view = inputResponse(ctx.mcpReq.inputResponses, 'client_roots');
      if (view.kind === 'roots') return says(view.roots.map(({ uri }) => uri).join(' '));
      return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } });
    },
    async test_input_required_result_request_state({ ctx }) {
      const state = ctx.mcpReq.requestState<{ step: number }>();
      if (state?.step === 1) return says('state-ok');
      return inputRequired({
        inputRequests: { confirm: ask('Please confirm', { ok: { type: 'boolean' } }) },
        requestState: await codec.mint({ step: 1 }),
      });
    },
    async test_input_required_result_multiple_inputs({ ctx }) {
      if (ctx.mcpReq.requestState<{ step: number }>()?.step === 1) return says('complete');
      return inputRequired({
        inputRequests: {
          user_name: ask('What is your name?', { name: { type: 'string' } }),
          greeting: sample('Generate a greeting', 50),
          client_roots: inputRequired.listRoots(),
        },
        requestState: await codec.mint({ step: 1 }),
      });
    },
    async test_input_required_result_multi_round({ ctx }) {
      const step = ctx.mcpReq.requestState<{ step: number }>()?.step ?? 0;
      if (step === 2) return says('complete');
      const next =
        step === 0
          ? { step1: ask('Step 1: What is your name?', { name: { type: 'string' } }) }
          : { step2: ask('Step 2: What is your favorite color?', { color: { type: 'string' } }) };
      return inputRequired({
        inputRequests: next,
        requestState: await codec.mint({ step: step + 1 }),
      });
    },
    async test_input_required_result_tampered_state({ ctx }) {
      if (ctx.mcpReq.requestState<{ step: number }>()?.step === 1) return says('complete');
      return inputRequired({
        inputRequests: { confirm: ask('Please confirm', { ok: { type: 'boolean' } }) },
        requestState: await codec.mint({ step: 1 }),
      });
    },
    test_input_required_result_capabilities({ ctx }) {
      const declared = declaredBy(ctx);
      return inputRequired({
        inputRequests: {
          ...(declared?.sampling && { sampled: sample('Say something', 10) }),
          ...(declared?.elicitation && { asked: ask('Go on?', { ok: { type: 'boolean' } }) }),
        },
      });
    },
  };

  const inputs: Record<string, object> = {
    test_sampling: { prompt: { type: 'string' } },
    test_elicitation: { message: { type: 'string' } },
  };
  const definitions = Object.keys(tools).map((name) => ({
    name,
    description: `Fixture of the conformance suite: ${name}.`,
    inputSchema:
      name === 'json_schema_2020_12_tool'
        ? schema2020
        : { type: 'object', properties: inputs[name] ?? {} },
  }));

  const resources: Record<string, { mimeType: string; text?: string; blob?: string }> = {
    'test://static-text': {
      mimeType: 'text/plain',
      text: 'This is the content of the static text resource.',
    },
    'test://static-binary': { mimeType: 'image/png', blob: image.data },
    'test://watched-resource': { mimeType: 'text/plain', text: 'Watched resource content' },
  };
  const template = /^test:\/\/template\/([^/]+)\/data$/;

  const user = (content: object): object => ({ role: 'user', content });
  const argument = (name: string): object => ({ name, description: name, required: true });
  const prompts: Record<
    string,
    { arguments?: object[]; messages: (args: Record<string, string>) => object[] }
  > = {
    test_simple_prompt: { messages: () => [user(text('This is a simple prompt for testing.'))] },
    test_prompt_with_arguments: {
      arguments: [argument('arg1'), argument('arg2')],
      messages: ({ arg1 = '', arg2 = '' }) => [
        user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)),
      ],
    },
    test_prompt_with_embedded_resource: {
      arguments: [argument('resourceUri')],
      messages: ({ resourceUri = '' }) => [
        user(resource(resourceUri, 'text/plain', 'Embedded resource content for testing.')),
        user(text('Please process the embedded resource above.')),
      ],
    },
    test_prompt_with_image: {
      messages: () => [user(image), user(text('Please analyze the image above.'))],
    },
    test_input_required_result_prompt: { messages: () => [user(text('With your context.'))] },
  };

  const own: Record<string, McpHandler> = {
    async 'tools/list'(params, call) {
      const { tools: offered } = (await surface.handlers['tools/list']!(params, call)) as {
        tools: object[];
      };
      return { tools: [...offered, ...definitions] };
    },
    async 'tools/call'(params, call) {
      const tool = tools[String(params['name'])];
      if (!tool) return surface.handlers['tools/call']!(params, call);
      return tool(call, (params['arguments'] ?? {}) as Record<string, string>);
    },
    async 'resources/list'(params, call) {
      const { resources: offered } = (await surface.handlers['resources/list']!(params, call)) as {
        resources: object[];
      };
      const fixed = Object.entries(resources).map(([uri, { mimeType }]) => ({
        uri,
        name: uri,
        description: 'Fixture.',
        mimeType,
      }));
      return { resources: [...offered, ...fixed] };
    },
    async 'resources/templates/list'(params, call) {
      const { resourceTemplates } = (await surface.handlers['resources/templates/list']!(
        params,
        call,
      )) as { resourceTemplates: object[] };
      const uriTemplate = 'test://template/{id}/data';
      return { resourceTemplates: [...resourceTemplates, { uriTemplate, name: 'template' }] };
    },
    'resources/read'(params, call) {
      const uri = String(params['uri']);
      const [, id] = template.exec(uri) ?? [];
      if (id !== undefined) {
        const data = { id, templateTest: true, data: `Data for ID: ${id}` };
        return Promise.resolve({
          contents: [{ uri, mimeType: 'application/json', text: JSON.stringify(data) }],
        });
      }
      const fixed = resources[uri];
      if (!fixed) return surface.handlers['resources/read']!(params, call);
      return Promise.resolve({ contents: [{ uri, ...fixed }] });
    },
    'resources/subscribe': () => Promise.resolve({}),
    'resources/unsubscribe': () => Promise.resolve({}),
    'prompts/list': () =>
      Promise.resolve({
        prompts: Object.entries(prompts).map(([name, prompt]) => ({
          name,
          description: 'Fixture.',
          ...(prompt.arguments && { arguments: prompt.arguments }),
        })),
      }),
    'prompts/get'(params, call) {
      const name = String(params['name']);
      const prompt = prompts[name];
      if (!prompt) return surface.handlers['prompts/get']!(params, call);
      const asks =
        name === 'test_input_required_result_prompt' &&
        inputResponse(call.ctx.mcpReq.inputResponses, 'user_context').kind !== 'elicit';
      if (asks) {
        const question = 'What context should the prompt use?';
        return Promise.resolve(
          inputRequired({
            inputRequests: { user_context: ask(question, { context: { type: 'string' } }) },
          }),
        );
      }
      const messages = prompt.messages((params['arguments'] ?? {}) as Record<string, string>);
      return Promise.resolve({ messages });
    },
  };
  return {
    ...surface,
    capabilities: { ...surface.capabilities, logging: {} },
    handlers: { ...surface.handlers, ...own },
    verifyState: (state, ctx) => codec.verify(state, ctx),
  };
}
