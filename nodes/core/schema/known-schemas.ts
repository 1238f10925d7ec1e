import type { JsonSchema } from '../rpc/types.ts';
import { canonical } from './canonical.ts';
import { compileSchema, type SchemaCheck } from './validator.ts';

const mostKept = 1_000;
const kept = new Map<string, SchemaCheck>();

/**
 * As `compileSchema`, which takes milliseconds, for schemas that come again and again as copies: they are known by
 * their text. @throws RpcError -32602
 */
export function compileKnownSchema(schema: JsonSchema): SchemaCheck {
  const text = canonical(schema);
  const known = kept.get(text);
  if (known) return known;
  const check = compileSchema(schema);
  if (kept.size >= mostKept) kept.clear();
  kept.set(text, check);
  return check;
}
