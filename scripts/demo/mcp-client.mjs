// An MCP client as small as revision 2026-07-28 allows: every request stands alone.
import { RpcFailure } from './rpc-failure.mjs';
import { post } from './rpc-client.mjs';

const revision = '2026-07-28';

/**
 * @typedef {object} ToolResult
 * @property {any} data the structured content
 * @property {boolean} isError
 *
 * @typedef {object} McpClient
 * @property {(method: string, params?: object, limits?: import('./rpc-client.mjs').Limits) => Promise<any>} request
 *   rejects with RpcFailure
 * @property {(name: string, args: object, limits?: import('./rpc-client.mjs').Limits) => Promise<ToolResult>} callTool
 *   asks the person when the hub wants somebody's word
 */

/**
 * @param {import('./rpc-client.mjs').Caller & { person: (question: string) => boolean }} caller `person` answers what
 *   the hub wants a person to be asked
 * @returns {McpClient}
 */
export function createMcpClient({ url, key, transcript, nextId, person }) {
  /** @param {string} method @param {Record<string, any>} params @param {import('./rpc-client.mjs').Limits} [limits] */
  const request = async (method, params = {}, limits) => {
    const id = nextId();
    transcript.sent({ id, method, params }, 'mcp');
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': revision,
      'io.modelcontextprotocol/clientInfo': { name: 'llm-iot-demo', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } },
    };
    const body = { jsonrpc: '2.0', id, method, params: { ...params, _meta } };
    const response = await post(`${url}/mcp`, key, body, {
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': revision,
      'mcp-method': method,
      ...((params['name'] ?? params['uri']) && { 'mcp-name': params['name'] ?? params['uri'] }),
    });
    const text = await response.text();
    const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => data);
    const answer = JSON.parse(events.at(-1) ?? text);
    const { result, error } = answer;
    // The text of a tool's result says again what its structured content says.
    const shown = result?.structuredContent
      ? { ...answer, result: result.structuredContent }
      : answer;
    transcript.received(shown, limits);
    if (error) throw new RpcFailure(method, error);
    return result;
  };

  return {
    request,
    async callTool(name, args, limits) {
      let result = await request('tools/call', { name, arguments: args }, limits);
      if (result.resultType === 'input_required') {
        const answers = Object.entries(result.inputRequests).map(([key, { params }]) => {
          transcript.note(`The person reads: ${params.message}`);
          const yes = person(params.message);
          transcript.note(`The person says ${yes ? 'yes' : 'no'}.`);
          return [
            key,
            { action: yes ? 'accept' : 'decline', ...(yes && { content: { confirm: true } }) },
          ];
        });
        result = await request(
          'tools/call',
          {
            name,
            arguments: args,
            inputResponses: Object.fromEntries(answers),
            requestState: result.requestState,
          },
          limits,
        );
      }
      return { data: result.structuredContent, isError: result.isError === true };
    },
  };
}
