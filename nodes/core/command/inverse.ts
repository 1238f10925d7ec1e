import type { CommandDeclaration, CommandInverse } from '../device/types.ts';
import { isObject, type JsonObject } from '../document.ts';
import { invalidParam } from '../params.ts';
import type { CommandRecord } from './types.ts';

/** `{ "$argument": name }` and `{ "$before": name }` stand for a value in the arguments of an inverse. */
export function placeholderOf(
  value: unknown,
): { from: '$argument' | '$before'; name: string } | undefined {
  if (!isObject(value)) return undefined;
  const [entry, ...others] = Object.entries(value);
  if (!entry || others.length > 0) return undefined;
  const [from, name] = entry;
  if ((from !== '$argument' && from !== '$before') || typeof name !== 'string') return undefined;
  return { from, name };
}

/** What has to be remembered of the configuration before a command, so that its inverse can be told. */
export function beforeOf(
  inverse: CommandInverse | undefined,
  config: JsonObject | undefined,
): JsonObject | undefined {
  const names = new Set<string>();
  const visit = (value: unknown): void => {
    const placeholder = placeholderOf(value);
    if (placeholder?.from === '$before') names.add(placeholder.name);
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(visit);
  };
  visit(inverse?.arguments);
  const known = [...names].filter((name) => config && Object.hasOwn(config, name));
  return known.length === 0
    ? undefined
    : Object.fromEntries(known.map((name) => [name, config?.[name]]));
}

/**
 * The command that undoes a command that was carried out.
 * @throws RpcError -32602 when it names no inverse, or what the inverse needs is not known
 */
export function inverseOf(
  declaration: CommandDeclaration | undefined,
  record: Pick<CommandRecord, 'command' | 'arguments' | 'before'>,
): { command: string; arguments: JsonObject } {
  const inverse = declaration?.inverse;
  if (!inverse)
    throw invalidParam(
      'command_id',
      `the device names no inverse of ${record.command}, so it cannot be undone by the hub`,
    );
  const fill = (value: unknown): unknown => {
    const placeholder = placeholderOf(value);
    if (placeholder) {
      const { from, name } = placeholder;
      const values = from === '$argument' ? record.arguments : (record.before ?? {});
      if (Object.hasOwn(values, name)) return values[name];
      const what =
        from === '$argument'
          ? `the argument ${name} of the command is not kept`
          : `the hub does not know what ${name} was before the command`;
      throw invalidParam('command_id', `${record.command} cannot be undone: ${what}`);
    }
    if (Array.isArray(value)) return value.map(fill);
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item)]));
  };
  return { command: inverse.command, arguments: fill(inverse.arguments ?? {}) as JsonObject };
}
