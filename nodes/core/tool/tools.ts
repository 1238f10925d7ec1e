import type { JsonSchema, MethodDeclaration, MethodTable } from '../rpc/types.ts';
import type { Principal } from '../security/types.ts';

/** A method that is offered to language models, under the name it has there. */
export interface ToolMethod {
  /** The method's name with `_` for each dot: APIs of models allow no dots. */
  name: string;
  declaration: MethodDeclaration;
}

/** More tools than that confuse models, and some clients refuse them. */
export const mostTools = 40;

export const toolNameOf = (method: string): string => method.replaceAll('.', '_');

/** The tools somebody may use, sorted by name; of two methods that would have the same name, the first. */
export function toolsFor(
  methods: Pick<MethodTable, 'list'>,
  principal: Principal | undefined,
): ToolMethod[] {
  const tools = new Map<string, ToolMethod>();
  for (const declaration of methods.list(principal)) {
    const name = toolNameOf(declaration.name);
    if (declaration.tool && !tools.has(name)) tools.set(name, { name, declaration });
  }
  return [...tools.values()];
}

/** The tool of this name, whoever may use it. */
export function toolNamed(
  methods: Pick<MethodTable, 'get' | 'names'>,
  name: string,
): ToolMethod | undefined {
  for (const method of methods.names()) {
    if (toolNameOf(method) !== name) continue;
    const declaration = methods.get(method);
    if (declaration?.tool) return { name, declaration };
  }
  return undefined;
}

/** How many tools there are, whoever may use them. */
export const countTools = (methods: Pick<MethodTable, 'get' | 'names'>): number =>
  methods.names().filter((name) => methods.get(name)?.tool).length;

/** The schema of a tool's input is one of an object. */
export const inputSchemaOf = ({ params }: MethodDeclaration): JsonSchema & { type: 'object' } => ({
  ...params,
  type: 'object',
});

/** The schema of a tool's result, if it is declared as an object. */
export const outputSchemaOf = ({
  result,
}: MethodDeclaration): (JsonSchema & { type: 'object' }) | undefined =>
  result?.['type'] === 'object' ? { ...result, type: 'object' } : undefined;
