import type { DeviceRegistry } from '../device/ports.ts';
import { sensitiveNamesOf } from '../device/sensitive.ts';
import type { CommandDeclaration, Target } from '../device/types.ts';
import { jsonSize, type JsonObject } from '../document.ts';
import {
  invalidParam,
  optionalBoolean,
  optionalNumber,
  optionalObject,
  optionalString,
  requiredString,
} from '../params.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { placeName, quoted } from '../rpc/quoted.ts';
import { nearest } from '../rpc/suggest.ts';
import type { JsonSchema } from '../rpc/types.ts';
import type { Principal } from '../security/types.ts';
import { problemDetails } from '../schema/validation-problem.ts';
import { compileSchema, type SchemaCheck } from '../schema/validator.ts';
import { cleanText } from '../text.ts';
import { requireCommandInScope, requireCommandOfRole } from './permission.ts';

/** A command that may be sent: its target exists, it is declared, its arguments are right. */
export interface CommandRequest {
  target: Target;
  /** The device or sensor it goes to. */
  targetId: string;
  command: string;
  arguments: JsonObject;
  timeoutMs: number;
  /** Names of what the target marked with `x-sensitive`. */
  sensitive: ReadonlySet<string>;
  /** Whether it needs a signature, by its declaration. */
  critical: boolean;
  /** What the target declares of it, if anything. */
  declaration?: CommandDeclaration;
}

/** What else a call of a command may say: why, and whether it may wait for its device. */
export interface CommandOptions {
  reason?: string;
  /** For how long, in milliseconds; undefined: not at all. */
  waitMs?: number;
}

const longestReason = 500;
/** Bounds of `ttl_s`: a second to a week; an hour unless told. */
const ttlBounds = { min: 1, max: 604_800 };
const usualTtl = 3_600;
/** Bytes of the arguments of a command that waits. */
const largestWaiting = 16 * 1_024;

/** Reads `{ reason?, wait?, ttl_s? }`. @throws RpcError -32602 */
export function readOptions(params: JsonObject): CommandOptions {
  const said = optionalString(params, 'reason');
  if (said !== undefined && said.length > longestReason)
    throw invalidParam('reason', `a reason may have ${longestReason} characters`);
  const reason = cleanText(said, longestReason);
  const wait = optionalBoolean(params, 'wait') ?? false;
  const ttl = optionalNumber(params, 'ttl_s', ttlBounds);
  if (!wait && ttl !== undefined)
    throw invalidParam('ttl_s', 'ttl_s is for how long a command waits; it needs wait: true');
  if (wait && jsonSize(params['arguments'] ?? {}) > largestWaiting)
    throw invalidParam(
      'arguments',
      `arguments of a command that waits may have ${largestWaiting} bytes at most`,
    );
  return {
    ...(reason !== '' && { reason }),
    ...(wait && { waitMs: (ttl ?? usualTtl) * 1_000 }),
  };
}

/** Bounds of `timeout_ms`. */
const timeoutBounds = { min: 100, max: 300_000 };
const largestArguments = 64 * 1_024;
const longestCommand = 128;
const mostListed = 50;

const compiled = new WeakMap<JsonSchema, SchemaCheck>();

/**
 * Reads and checks `{ device_id, command, arguments?, timeout_ms? }`.
 * @throws RpcError -32000 for an unknown device, -32602 for a command or arguments it did not declare, -32005 for what
 * the role or the scope of the principal is not for
 */
export function readRequest(
  all: DeviceRegistry,
  params: JsonObject,
  principal: Principal | undefined,
  defaultTimeoutMs: number,
): CommandRequest {
  const registry = all.seenBy(principal);
  const targetId = requiredString(params, 'device_id');
  const target = registry.resolve(targetId) ?? { device: registry.get(targetId) };
  const command = requiredString(params, 'command');
  if (command.length > longestCommand || cleanText(command, longestCommand) !== command)
    throw invalidParam(
      'command',
      `a command is plain text of at most ${longestCommand} characters`,
    );
  const args = optionalObject(params, 'arguments') ?? {};
  if (jsonSize(args) > largestArguments)
    throw invalidParam('arguments', `arguments may have ${largestArguments} bytes at most`);
  requireCommandInScope(principal, command, args);
  const declaration = declarationOf(target, command);
  const { commands } = target.sensor ?? target.device;
  requireCommandOfRole(principal, command, declaration, commands);
  const sensitive = sensitiveNamesOf(target.sensor ?? target.device);
  if (declaration?.arguments) checkArguments(declaration.arguments, args, sensitive);
  const asked = optionalNumber(params, 'timeout_ms', timeoutBounds);
  const usual = declaration?.timeout_ms ?? defaultTimeoutMs;
  const timeoutMs = asked ?? Math.min(timeoutBounds.max, Math.max(timeoutBounds.min, usual));
  const critical = declaration?.critical === true;
  return {
    ...{ target, targetId, command, arguments: args, timeoutMs, sensitive, critical },
    ...(declaration && { declaration }),
  };
}

/** @throws RpcError -32602 for a command that the target did not declare, if it declared any */
export function declarationOf(target: Target, command: string): CommandDeclaration | undefined {
  const { commands, commands_declared } = target.sensor ?? target.device;
  const found = commands.find((declared) => declared.name === command);
  if (found || !commands_declared) return found;
  const allowed = commands.slice(0, mostListed).map((declared) => declared.name);
  const meant = nearest(command, allowed);
  const hint = meant ? `; did you mean ${quoted(meant)}?` : '';
  throw invalidParam('command', `the device declares no command ${quoted(command)}${hint}`, {
    allowed,
    ...(meant && { nearest: meant, fix: { set: { command: meant } } }),
    untrusted: ['allowed', 'nearest', 'fix'],
  });
}

function checkArguments(
  schema: JsonSchema,
  args: JsonObject,
  sensitive: ReadonlySet<string>,
): void {
  let check = compiled.get(schema);
  if (!check) compiled.set(schema, (check = compileSchema(schema)));
  const found = check(args) ?? [];
  // What would repair a secret holds it.
  const problems = found.map(({ fix, ...problem }) => {
    const isSecret = problem.field.split(/[.[\]]+/).some((name) => sensitive.has(name));
    return { ...problem, ...(fix && !isSecret && { fix }) };
  });
  const [first] = problems;
  if (!first) return;
  const details = problemDetails(problems, 'arguments');
  // The schema is the device's: its words are in what would do.
  const untrusted = ['field', 'allowed', 'nearest', 'expected', 'problems', 'fix'].filter(
    (member) => details[member] !== undefined,
  );
  const place = placeName(details.field ?? 'arguments');
  throw new RpcError(ErrorCode.InvalidParams, `${place} ${first.problem}`, {
    ...details,
    untrusted,
  });
}
