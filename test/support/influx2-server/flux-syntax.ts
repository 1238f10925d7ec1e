import { createRequire } from 'node:module';
import { FluxError } from './values.ts';

/** The nodes of Flux's abstract syntax that this server evaluates. */
export type Expression =
  | { type: 'Identifier'; name: string }
  | { type: 'StringLiteral'; value: string }
  | { type: 'IntegerLiteral' | 'FloatLiteral'; value: string | number }
  | { type: 'DateTimeLiteral'; value: string }
  | { type: 'DurationLiteral'; values: { magnitude: number; unit: string }[] }
  | { type: 'ArrayExpression'; elements: { expression?: Expression }[] }
  | { type: 'PipeLiteral' }
  | { type: 'ParenExpression'; expression: Expression }
  | { type: 'MemberExpression'; object: Expression; property: Name }
  | { type: 'UnaryExpression'; operator: string; argument: Expression }
  | ({ type: 'BinaryExpression'; operator: string } & Operands)
  | ({ type: 'LogicalExpression'; operator: string } & Operands)
  | { type: 'FunctionExpression'; params: Property[]; body: Expression }
  | { type: 'PipeExpression'; argument: Expression; call: CallExpression }
  | ({ type: 'CallExpression' } & CallExpression);

interface Operands {
  left: Expression;
  right: Expression;
}

export interface CallExpression {
  callee: Expression;
  /** At most one object that holds them all. */
  arguments?: { properties: Property[] }[];
}

export interface Property {
  key: Name;
  value: Expression | null;
}

type Name = { type: 'Identifier'; name: string } | { type: 'StringLiteral'; value: string };

export type Statement =
  | { type: 'VariableAssignment'; id: { name: string }; init: Expression }
  | { type: 'ExpressionStatement'; expression: Expression };

interface FluxLanguage {
  is_valid_flux(script: string): boolean;
  parse(script: string): { body: Statement[]; imports: unknown[] };
}

const language = createRequire(import.meta.url)('@influxdata/flux-lsp-node') as FluxLanguage;

/** Whether InfluxData's own checker of syntax, names, arguments and types takes a Flux text. */
export const isValidFlux = (script: string): boolean => language.is_valid_flux(script);

/** The statements of a valid Flux text. @throws FluxError for any other */
export function parseFlux(script: string): Statement[] {
  if (!isValidFlux(script)) throw new FluxError(`compilation failed: ${script}`);
  const { body, imports } = language.parse(script);
  if (imports.length > 0) throw new FluxError('this server has no packages to import');
  return body;
}

export const nameOf = (name: Name): string => (name.type === 'Identifier' ? name.name : name.value);
