// MCP over HTTP as revision 2026-07-28 has it: every request stands alone, on connections that stay open.
import { Agent, request } from 'node:http';

const revision = '2026-07-28';
const _meta = {
  'io.modelcontextprotocol/protocolVersion': revision,
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

/**
 * @param {string} url of the hub
 * @param {string} key
 * @returns {{ ask(method: string, params?: Record<string, unknown>): Promise<any>,
 *   callTool(name: string, args: object): Promise<any>, close(): void }} both resolve with the result and reject with
 *   the error; a tool that fails rejects, too
 */
export function createMcpClient(url, key) {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: Infinity, noDelay: true });
  let id = 0;
  const ask = (/** @type {string} */ method, /** @type {Record<string, unknown>} */ params = {}) =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify({
        jsonrpc: '2.0',
        id: ++id,
        method,
        params: { ...params, _meta },
      });
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${key}`,
        'mcp-protocol-version': revision,
        'mcp-method': method,
        ...(typeof params['name'] === 'string' && { 'mcp-name': params['name'] }),
      };
      const sent = request(`${url}/mcp`, { method: 'POST', agent, headers }, (response) => {
        /** @type {Buffer[]} */
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => data);
          const { result, error } = JSON.parse(events.at(-1) ?? text);
          if (error) reject(new Error(`${method}: ${JSON.stringify(error)}`));
          else resolve(result);
        });
      });
      sent.on('error', reject);
      sent.end(body);
    });
  return {
    ask,
    async callTool(name, args) {
      const result = await ask('tools/call', { name, arguments: args });
      if (result.isError) throw new Error(`${name}: ${result.content[0]?.text}`);
      return result;
    },
    close: () => agent.destroy(),
  };
}
