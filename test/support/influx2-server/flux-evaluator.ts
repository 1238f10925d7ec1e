import { nameOf, type CallExpression, type Expression } from './flux-syntax.ts';
import { FluxError, parseTime, type FluxTable, type FluxValue, type Row } from './values.ts';
import type { Bucket } from './bucket.ts';

/** Tables in a pipeline; `source` is set until `range` has bounded them. */
export interface Stream {
  kind: 'stream';
  source?: Bucket;
  tables: FluxTable[];
}
interface Closure {
  kind: 'function';
  expression: Extract<Expression, { type: 'FunctionExpression' }>;
  scope: Scope;
}
interface Builtin {
  kind: 'builtin';
  name: string;
}
export type Value = FluxValue | Stream | Closure | Builtin | Value[] | Row | undefined;
export type Scope = ReadonlyMap<string, Value>;
export type Arguments = Map<string, Value>;
/** Runs a function of the standard library; `piped` is what came through the pipe. */
export type RunBuiltin = (name: string, args: Arguments, piped: Value) => Value;

export interface Evaluator {
  evaluate: (expression: Expression, scope: Scope) => Value;
  apply: (callee: Value, args: Arguments, piped: Value) => Value;
}

export function createEvaluator(runBuiltin: RunBuiltin): Evaluator {
  const evaluate = (expression: Expression, scope: Scope): Value => {
    switch (expression.type) {
      case 'StringLiteral':
        return { type: 'string', value: expression.value };
      case 'IntegerLiteral':
        return { type: 'long', value: BigInt(expression.value) };
      case 'DateTimeLiteral':
        return { type: 'time', value: parseTime(expression.value) };
      case 'ArrayExpression':
        return expression.elements.map((element) =>
          evaluate(element.expression ?? (element as Expression), scope),
        );
      case 'ParenExpression':
        return evaluate(expression.expression, scope);
      case 'Identifier':
        return variable(expression.name, scope);
      case 'FunctionExpression':
        return { kind: 'function', expression, scope };
      case 'PipeExpression':
        return call(expression.call, scope, evaluate(expression.argument, scope));
      case 'CallExpression':
        return call(expression, scope, undefined);
      case 'MemberExpression':
        return (evaluate(expression.object, scope) as Row).get(nameOf(expression.property));
      case 'UnaryExpression':
        return unary(expression.operator, evaluate(expression.argument, scope));
      case 'BinaryExpression':
        return equals(expression, scope);
      case 'LogicalExpression':
        return logical(expression, scope);
      default:
        throw new FluxError(`this server does not evaluate a ${expression.type}`);
    }
  };
  const equals = (
    { operator, left, right }: Extract<Expression, { type: 'BinaryExpression' }>,
    scope: Scope,
  ): FluxValue | undefined => {
    if (operator !== '==') throw new FluxError('this server compares by == only');
    const one = evaluate(left, scope) as FluxValue | undefined;
    const other = evaluate(right, scope) as FluxValue | undefined;
    if (!one || !other) return undefined;
    if (one.type !== other.type)
      throw new FluxError(`unsupported binary expression ${one.type} == ${other.type}`);
    return booleanValue(one.value === other.value);
  };
  const logical = (
    { operator, left, right }: Extract<Expression, { type: 'LogicalExpression' }>,
    scope: Scope,
  ): FluxValue => {
    const isOr = operator === 'or';
    const decided = isTrue(evaluate(left, scope)) === isOr;
    return booleanValue(decided ? isOr : isTrue(evaluate(right, scope)));
  };
  const call = (
    { callee, arguments: [object] = [] }: CallExpression,
    scope: Scope,
    piped: Value,
  ): Value => {
    const args: Arguments = new Map();
    for (const { key, value } of object?.properties ?? [])
      args.set(nameOf(key), evaluate(value ?? key, scope));
    return apply(evaluate(callee, scope), args, piped);
  };
  const apply = (callee: Value, args: Arguments, piped: Value): Value => {
    if (!callee || !('kind' in callee) || callee.kind === 'stream')
      throw new FluxError('cannot call what is no function');
    if (callee.kind === 'builtin') return runBuiltin(callee.name, args, piped);
    const scope = new Map(callee.scope);
    for (const { key, value } of callee.expression.params)
      scope.set(nameOf(key), value?.type === 'PipeLiteral' ? piped : args.get(nameOf(key)));
    return evaluate(callee.expression.body, scope);
  };
  return { evaluate, apply };
}

function variable(name: string, scope: Scope): Value {
  if (name === 'true' || name === 'false') return booleanValue(name === 'true');
  if (!scope.has(name)) throw new FluxError(`this server does not know ${name}`);
  return scope.get(name);
}

function unary(operator: string, value: Value): FluxValue | undefined {
  if (operator === 'exists') return booleanValue(value !== undefined);
  if (operator === 'not') return value && booleanValue(!isTrue(value));
  throw new FluxError(`this server has no operator ${operator}`);
}

export const booleanValue = (value: boolean): FluxValue => ({ type: 'boolean', value });

export const isTrue = (value: Value): boolean =>
  value !== undefined && 'type' in value && value.type === 'boolean' && value.value;
