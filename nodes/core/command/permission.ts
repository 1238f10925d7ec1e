import type { CommandDeclaration } from '../device/types.ts';
import type { JsonObject } from '../document.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { compileKnownSchema } from '../schema/known-schemas.ts';
import { describeProblem, problemDetails } from '../schema/validation-problem.ts';
import { admits } from '../security/scope-rules.ts';
import type { Principal } from '../security/types.ts';

/**
 * Whether a `user_operator` may have a command carried out: the device declares it, and neither as destructive nor as
 * critical. Of a command nobody declared nothing is known.
 */
export function isSafeCommand(declaration: CommandDeclaration | undefined): boolean {
  return declaration !== undefined && !declaration.destructive && !declaration.critical;
}

/** @throws RpcError -32005 when the scope of a principal is not for this command, or not with these arguments */
export function requireCommandInScope(
  principal: Principal | undefined,
  command: string,
  args: JsonObject,
): void {
  const { commands, arguments: schemas } = principal?.scope ?? {};
  if (!admits(commands, command))
    throw new RpcError(
      ErrorCode.Unauthorized,
      `the scope of this key does not take in the command ${command}`,
      { field: 'command', allowed: commands },
    );
  if (!schemas || !Object.hasOwn(schemas, command)) return;
  const schema = schemas[command] ?? {};
  const problems = compileKnownSchema(schema)(args) ?? [];
  const [first] = problems;
  if (!first) return;
  const field = first.field === '' ? 'arguments' : `arguments.${first.field}`;
  throw new RpcError(
    ErrorCode.Unauthorized,
    `the scope of this key bounds the arguments of ${command}: ${describeProblem({ ...first, field }, 'arguments')}`,
    { ...problemDetails(problems, 'arguments'), allowed_arguments: schema },
  );
}

/** @throws RpcError -32005 when the role of a principal is not for this command of a device */
export function requireCommandOfRole(
  principal: Principal | undefined,
  command: string,
  declaration: CommandDeclaration | undefined,
  declared: readonly CommandDeclaration[],
): void {
  if (principal?.role !== 'user_operator' || isSafeCommand(declaration)) return;
  const why = declaration
    ? `${command} is declared as one that is not`
    : `the device does not declare ${command}, so nothing says that it is`;
  throw new RpcError(
    ErrorCode.Unauthorized,
    `the role user_operator may only have safe commands carried out; ${why}`,
    {
      field: 'command',
      role: principal.role,
      allowed: declared.filter(isSafeCommand).map(({ name }) => name),
    },
  );
}

/** @throws RpcError -32005 for a `user_operator` and a command that a policy makes critical, whatever the device says */
export function requireUncritical(principal: Principal | undefined, command: string): void {
  if (principal?.role !== 'user_operator') return;
  throw new RpcError(
    ErrorCode.Unauthorized,
    `the role user_operator may only have safe commands carried out; a policy makes ${command} critical`,
    { field: 'command', role: principal.role },
  );
}
