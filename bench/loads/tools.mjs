// A model's client: calls tools over MCP, one after the other, with pauses between.
import { setTimeout as pause } from 'node:timers/promises';
import { createTimes } from '../figures.mjs';
import { createMcpClient } from '../mcp-client.mjs';

/**
 * @param {{ url: string, key: string, calls: { name: string, args: object }[], rounds: number, warmUp: number,
 *   everyMs: number }} options all calls make a round
 * @returns {Promise<Record<string, import('../figures.mjs').Figures>>} by tool, and of all of them together as `all`;
 *   from the call to its answer
 */
export async function run({ url, key, calls, rounds, warmUp, everyMs }) {
  const client = createMcpClient(url, key);
  const all = createTimes();
  /** @type {Map<string, ReturnType<typeof createTimes>>} */
  const byTool = new Map(calls.map(({ name }) => [name, createTimes()]));
  for (let round = -warmUp; round < rounds; round++)
    for (const { name, args } of calls) {
      const before = performance.now();
      await client.callTool(name, args);
      const took = performance.now() - before;
      if (round >= 0) {
        all.add(took);
        byTool.get(name)?.add(took);
      }
      // Not in step with any timer of the hub.
      await pause(everyMs * (0.5 + Math.random()));
    }
  client.close();
  return {
    ...Object.fromEntries([...byTool].map(([name, times]) => [name, times.figures()])),
    all: all.figures(),
  };
}
