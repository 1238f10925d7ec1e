// What an LLM would do with the hub, step by step.
import { steps } from './llm-steps.mjs';
import { createMcpClient } from './mcp-client.mjs';
import { mcpSteps } from './mcp-steps.mjs';
import { createHttpClient, openWebSocket } from './rpc-client.mjs';
import { RpcFailure } from './rpc-failure.mjs';

const unauthorized = -32005;

/**
 * Makes sure that the hub is there and takes the key, before anything else happens.
 * @param {{ url: string, adminKey?: string }} hub
 * @param {import('./transcript.mjs').Transcript} transcript
 */
export async function greetHub({ url, adminKey = '' }, transcript) {
  transcript.heading('Is the hub there?', `JSON-RPC 2.0 at ${url}/rpc`);
  const call = createHttpClient({ url, key: adminKey, transcript, nextId: () => 1 });
  await call('hub.info', undefined, { depth: 2 }).catch((error) => {
    const refused = error instanceof RpcFailure && error.code === unauthorized;
    throw refused
      ? new Error(`The hub at ${url} does not accept the admin key.`, { cause: error })
      : error;
  });
}

/**
 * Plays the LLM. A step that fails is told and does not keep the others from being played.
 * @param {object} stage
 * @param {string} stage.url
 * @param {string} [stage.adminKey]
 * @param {(key: string) => string} stage.idOf
 * @param {import('./transcript.mjs').Transcript} stage.transcript
 * @param {AbortSignal} stage.signal
 * @returns {Promise<{ name: string, ok: boolean }[]>}
 */
export async function playLlm({ url, adminKey = '', idOf, transcript, signal }) {
  let id = 1;
  const caller = { url, key: adminKey, transcript, nextId: () => ++id };
  const call = createHttpClient(caller);
  const live = await openWebSocket(caller);
  const outcomes = [];
  try {
    // The person of the demo has nothing against it.
    const mcp = createMcpClient({ ...caller, person: () => true });
    for (const { name, why, run } of [...steps, ...mcpSteps]) {
      signal.throwIfAborted();
      transcript.heading(name, why);
      const ok = await run({ call, live, mcp, transcript, idOf }).then(
        () => true,
        (error) => {
          transcript.failed(error.message);
          return false;
        },
      );
      outcomes.push({ name, ok });
    }
  } finally {
    live.close();
  }
  return outcomes;
}
