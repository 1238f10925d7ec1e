import { cleanDocument, isObject, jsonSize, type JsonObject } from '../document.ts';
import { invalidParam, optionalString } from '../params.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { cleanText } from '../text.ts';

const largestSchema = 64 * 1_024;
const mostLabels = 32;
const mostAliases = 20;

/** Longest texts of each kind, in UTF-16 units. */
export const textLimits = {
  name: 128,
  deviceType: 64,
  hardwareId: 128,
  label: 64,
  labelValue: 256,
  alias: 64,
};

/**
 * The `static_schema` of the params, cleaned.
 * @throws RpcError -32602 if it is missing, -32006 over 64 KiB, -32004 if it is nested too deep
 */
export function staticSchemaOf(params: JsonObject): JsonObject {
  const schema = params['static_schema'];
  if (!isObject(schema))
    throw invalidParam('static_schema', 'static_schema is missing; it must be an object');
  const bytes = jsonSize(schema);
  if (bytes > largestSchema)
    throw new RpcError(
      ErrorCode.ResourceExhausted,
      `static_schema has ${bytes} bytes; at most ${largestSchema} are taken`,
      { field: 'static_schema', limit: largestSchema },
    );
  return cleanDocument(schema);
}

/** A cleaned string param; undefined if it is absent or nothing is left of it. @throws RpcError -32602 */
export function cleanParam(params: JsonObject, field: string, max: number): string | undefined {
  const text = cleanText(optionalString(params, field), max);
  return text === '' ? undefined : text;
}

/** Labels as clean text to clean text; undefined if absent. @throws RpcError -32602 */
export function labelsOf(params: JsonObject): Record<string, string> | undefined {
  const labels = params['labels'] ?? undefined;
  if (labels === undefined) return undefined;
  if (!isObject(labels)) throw invalidParam('labels', 'labels must be an object of strings');
  const entries = Object.entries(labels);
  if (entries.length > mostLabels)
    throw invalidParam('labels', `a device may have ${mostLabels} labels at most`);
  return Object.fromEntries(
    entries.map(([key, value]) => {
      if (typeof value !== 'string')
        throw invalidParam(`labels.${cleanText(key, 64)}`, 'the value of a label must be a string');
      return [cleanText(key, textLimits.label), cleanText(value, textLimits.labelValue)];
    }),
  );
}

/** Aliases, cleaned and each once; undefined if absent. @throws RpcError -32602 */
export function aliasesOf(params: JsonObject): string[] | undefined {
  const aliases = params['aliases'] ?? undefined;
  if (aliases === undefined) return undefined;
  if (!Array.isArray(aliases)) throw invalidParam('aliases', 'aliases must be a list of strings');
  if (aliases.length > mostAliases)
    throw invalidParam('aliases', `a device may have ${mostAliases} aliases at most`);
  const clean = aliases.map((alias: unknown, index) => {
    if (typeof alias !== 'string')
      throw invalidParam(`aliases[${index}]`, 'an alias must be a string');
    if (alias.length > textLimits.alias)
      throw invalidParam(
        `aliases[${index}]`,
        `an alias may have ${textLimits.alias} characters at most`,
      );
    return cleanText(alias, textLimits.alias);
  });
  return [...new Set(clean.filter((alias) => alias !== ''))];
}

/** What makes the hardware recognisable: the param, else the schema's own number. */
export function hardwareIdOf(params: JsonObject, schema: JsonObject): string | undefined {
  const given = cleanParam(params, 'hardware_id', textLimits.hardwareId);
  if (given !== undefined) return given;
  for (const field of ['hardware_id', 'serial_number', 'mac_address']) {
    const found = cleanText(schema[field], textLimits.hardwareId);
    if (found !== '') return found;
  }
  return undefined;
}

/** Manufacturer, model and firmware as the schema gives them. */
export function identityOf(schema: JsonObject): {
  manufacturer?: string;
  model?: string;
  firmware_version?: string;
} {
  const entries = ['manufacturer', 'model', 'firmware_version'].flatMap((field) => {
    const text = cleanText(schema[field], textLimits.name);
    return text === '' ? [] : [[field, text]];
  });
  return Object.fromEntries(entries) as Record<string, string>;
}
