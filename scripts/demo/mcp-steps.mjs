// The second half of the played LLM: the same house through MCP, with tools made for a model.
import { expect } from './expect.mjs';

/**
 * @typedef {object} McpScene
 * @property {import('./mcp-client.mjs').McpClient} mcp
 * @property {import('./transcript.mjs').Transcript} transcript
 * @property {(key: string) => string} idOf the device id of one of the house's designs
 *
 * @typedef {{ name: string, why: string, run(scene: McpScene): Promise<void> }} McpStep
 */

/** @type {readonly McpStep[]} */
export const mcpSteps = [
  {
    name: 'MCP: which tools?',
    why: 'A handful, however many devices there are; each is an rpc in node of the flow that is ticked "offer as tool".',
    async run({ mcp, transcript }) {
      const { tools } = await mcp.request('tools/list', {}, { depth: 3, items: 2 });
      const names = tools.map((/** @type {any} */ { name }) => name);
      transcript.note(names.join(', '));
      expect('devices can be found', names.includes('device_find'));
    },
  },
  {
    name: 'MCP: what people say',
    why: 'A place in plain words; the hub finds the device, or asks back when two could be meant.',
    async run({ mcp, idOf }) {
      const { data } = await mcp.callTool('device_find', {
        query: 'the sensor in the living room',
      });
      expect('the living room is found', JSON.stringify(data).includes(idOf('living_room')));
    },
  },
  {
    name: 'MCP: how is it there now?',
    why: 'The value with its unit, its age and its quality, and the query that gives it again.',
    async run({ mcp }) {
      const { isError } = await mcp.callTool('telemetry_read', {
        device: 'living room',
        measurement: 'temperature',
      });
      expect('there is a value', !isError);
    },
  },
  {
    name: 'MCP: is that unusual?',
    why: 'A day against the day before, and what stands out, as data and as a sentence.',
    async run({ mcp, transcript }) {
      const { data, isError } = await mcp.callTool('telemetry_history', {
        device: 'kitchen',
        measurement: 'temperature',
        time: 'last 24h',
        compare: 'previous',
        unusual: true,
      });
      expect('there is a history', !isError);
      transcript.note(data.summary);
    },
  },
  {
    name: 'MCP: plan before doing',
    why: 'What would happen, to whom, and whether it can be undone. Nothing is sent to the meter.',
    async run({ mcp }) {
      const { data } = await mcp.callTool('device_plan', planOf(false));
      expect('there is a plan', typeof data.plan_id === 'string');
    },
  },
  {
    name: 'MCP: done with the word of a person',
    why: 'The load is declared destructive: the hub wants a yes that no model can give. The client asks its person.',
    async run({ mcp }) {
      for (const on of [false, true]) {
        const { data: plan } = await mcp.callTool('device_plan', planOf(on));
        const { data, isError } = await mcp.callTool('device_execute', { plan_id: plan.plan_id });
        expect(`the load is ${on ? 'on' : 'off'}`, !isError && data.applied_config?.load_on === on);
        if (on) continue;
        const { data: seen } = await mcp.callTool('telemetry_wait', {
          device: 'energy meter',
          measurement: 'appliances_energy',
          until: { equals: 0 },
        });
        expect('the meter reports 0 Wh', seen.met === true);
      }
    },
  },
];

/** @param {boolean} on */
const planOf = (on) => ({
  device: 'energy meter',
  command: 'set_load',
  arguments: { on },
  reason: on ? 'The demo leaves the house as it was.' : 'The person wants to save energy.',
});
