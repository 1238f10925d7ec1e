import type { MethodTable } from '../rpc/types.ts';
import type { Principal } from '../security/types.ts';
import { inputSchemaOf, toolsFor } from '../tool/tools.ts';
import { toolSchema } from './plain-schema.ts';

/** Whose API the definitions are for. */
export const toolFormats = ['anthropic', 'openai'] as const;
export type ToolFormat = (typeof toolFormats)[number];

/** APIs of models take names of at most so many characters. */
const longestName = 64;

/** Tool definitions, ready for a request to a model, and which method each one calls. */
export interface ToolDefinitions {
  tools: object[];
  /** Method by tool name. */
  methods: Record<string, string>;
}

/** The tools somebody may use, as Anthropic's messages or OpenAI's chat completions take them. */
export function describeTools(
  methods: Pick<MethodTable, 'list'>,
  principal: Principal | undefined,
  format: ToolFormat,
): ToolDefinitions {
  const taken = new Map<string, string>();
  const tools = toolsFor(methods, principal).map(({ name: full, declaration }) => {
    const name = shortName(full, taken);
    taken.set(name, declaration.name);
    const { description } = declaration;
    const schema = toolSchema(inputSchemaOf(declaration));
    return format === 'anthropic'
      ? { name, description, input_schema: schema }
      : { type: 'function', function: { name, description, parameters: schema } };
  });
  return { tools, methods: Object.fromEntries(taken) };
}

/** A name that is too long is cut, and numbered if another was cut to the same. */
function shortName(full: string, taken: ReadonlyMap<string, string>): string {
  const cut = full.slice(0, longestName);
  if (!taken.has(cut)) return cut;
  for (let number = 2; ; number++) {
    const end = `_${number}`;
    const numbered = cut.slice(0, longestName - end.length) + end;
    if (!taken.has(numbered)) return numbered;
  }
}
