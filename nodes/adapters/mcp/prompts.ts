import { ProtocolError, ProtocolErrorCode, type Prompt } from '@modelcontextprotocol/server';
import { isObject } from '../../core/document.ts';
import { invalidParam } from '../../core/params.ts';
import type { MethodTable } from '../../core/rpc/types.ts';
import type { Principal } from '../../core/security/types.ts';
import { cleanText } from '../../core/text.ts';
import { toolsFor } from '../../core/tool/tools.ts';
import type { McpHandler } from './types.ts';

/** A question people ask of a building again and again, as they may start a conversation with it. */
interface HubPrompt {
  definition: Prompt & { arguments: NonNullable<Prompt['arguments']> };
  /** Tools without which the question leads nowhere. */
  needs: readonly string[];
  /** @param say an argument in quotation marks, or the text given for when it is absent */
  text(say: (argument: string, absent: string) => string): string;
}

const longestArgument = 128;

const prompts: readonly HubPrompt[] = [
  {
    definition: {
      name: 'diagnose_device',
      title: 'Diagnose a device',
      description: 'Find out what is wrong with a device, and what could be done about it.',
      arguments: [
        { name: 'device', description: 'Name or id of the device', required: true },
        { name: 'problem', description: 'What was noticed' },
      ],
    },
    needs: ['device_describe', 'telemetry_read'],
    text: (say) =>
      [
        `Find out what is wrong with the device ${say('device', '')}. Noticed was: ${say('problem', 'nothing in particular')}.`,
        'Look at its state and when it was last heard, its alarms, its newest readings and how they went in the last 24 hours.',
        'Say what you found, with the readings and times that show it, what the likely causes are, and what to check next.',
        'Change nothing: propose commands, do not run them.',
      ].join('\n'),
  },
  {
    definition: {
      name: 'daily_report',
      title: 'Daily report',
      description: 'What happened in a day: alarms, devices that fell silent, unusual readings.',
      arguments: [
        { name: 'day', description: 'Such as yesterday or 2026-03-01; today, if absent' },
        { name: 'where', description: 'A room or place; everywhere, if absent' },
      ],
    },
    needs: ['device_find', 'alert_list'],
    text: (say) =>
      [
        `Write a report of one page about ${say('day', 'today')}, for ${say('where', 'the whole building')}.`,
        'Begin with what needs somebody: alarms that are not cleared, and devices that are offline.',
        'Then what was unusual in the readings, with figures, units and times; then what was normal, in two sentences.',
        'Leave out what you did not find in the data.',
      ].join('\n'),
  },
  {
    definition: {
      name: 'energy_review',
      title: 'Energy review',
      description: 'Where energy goes, what changed, and what could be saved.',
      arguments: [
        { name: 'period', description: 'Such as last 7 days; the last 7 days, if absent' },
        { name: 'where', description: 'A room or place; everywhere, if absent' },
      ],
    },
    needs: ['device_find', 'telemetry_history'],
    text: (say) =>
      [
        `Review how energy was used in ${say('period', 'the last 7 days')}, in ${say('where', 'the whole building')}.`,
        'Find what measures power or energy, compare the period with the one before it, and name the largest consumers and the largest changes.',
        'Say what could be saved, how much by the data, and how sure that is. Give the figures each claim stands on.',
        'Change nothing: propose commands, do not run them.',
      ].join('\n'),
  },
];

type PromptMethod = 'prompts/list' | 'prompts/get';

/** The prompts that make sense with the tools somebody may use. */
export function createPrompts(deps: {
  methods: MethodTable;
}): Record<PromptMethod, McpHandler> & { argumentsOf: (name: unknown) => readonly string[] } {
  const offered = (principal: Principal): readonly HubPrompt[] => {
    const tools = new Set(toolsFor(deps.methods, principal).map(({ name }) => name));
    return prompts.filter(({ needs }) => needs.every((name) => tools.has(name)));
  };
  return {
    argumentsOf: (name) =>
      prompts
        .find(({ definition }) => definition.name === name)
        ?.definition.arguments.map((argument) => argument.name) ?? [],

    'prompts/list': (_params, { principal }) =>
      Promise.resolve({ prompts: offered(principal).map(({ definition }) => definition) }),

    'prompts/get'(params, { principal }) {
      const { name } = params;
      const prompt = offered(principal).find(({ definition }) => definition.name === name);
      if (!prompt)
        throw new ProtocolError(
          ProtocolErrorCode.InvalidParams,
          'there is no such prompt; prompts/list tells all',
        );
      const given = isObject(params['arguments']) ? params['arguments'] : {};
      const { arguments: declared, description } = prompt.definition;
      for (const { name: argument, required } of declared)
        if (required && cleanText(given[argument], longestArgument) === '')
          throw invalidParam(argument, `the argument ${argument} is missing`);
      const say = (argument: string, absent: string): string => {
        const text = cleanText(given[argument], longestArgument).replaceAll('"', "'");
        return text === '' ? absent : `"${text}"`;
      };
      const content = { type: 'text', text: prompt.text(say) };
      return Promise.resolve({ description, messages: [{ role: 'user', content }] });
    },
  };
}
