import { RemoteUnavailable } from '../../../core/telemetry/remote.ts';
import { addressOf, type Target } from './target.ts';

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
export const sqlState = {
  duplicateDatabase: '42P04',
  insufficientPrivilege: '42501',
  invalidParameterValue: '22023',
  invalidPassword: '28P01',
  numericValueOutOfRange: '22003',
  objectInUse: '55006',
  readOnlyTransaction: '25006',
  undefinedDatabase: '3D000',
  uniqueViolation: '23505',
} as const;

/** Connection lost, conflict with others, no resources (disk full among them), ended by an operator, disk trouble. */
const passing = /^(08|40|53|55|57|58)/;
/** Data, constraint, limit, and what a trigger raises. */
const refusal = /^(22|23|54|P0)/;
/** How pg and TLS say that trying again is of no use. */
const distrust = /SASL|SSL|TLS|certificate/i;

/** The code the server sent with what an explained error is about. */
export function sqlStateOf(error: unknown): string | undefined {
  const { cause } = error as { cause?: { code?: unknown; severity?: unknown } };
  return typeof cause?.code === 'string' && cause.severity !== undefined ? cause.code : undefined;
}

/** Whether the server would take the statement with other data in it. */
export const isRefusal = (error: unknown): boolean => refusal.test(sqlStateOf(error) ?? '');

/** What pg reports as the port has it, with that as its cause: `RemoteUnavailable`, or an error that says what to change. */
export function explained(cause: unknown, target: Target): Error {
  const where = `PostgreSQL at ${addressOf(target)}`;
  const message = messageOf(cause);
  const { code = '' } = cause as { code?: string };
  const state = sqlStateOf({ cause });
  // What has no code of the server is trouble with the connection.
  if (state === undefined ? !distrust.test(`${code} ${message}`) : passing.test(state))
    return new RemoteUnavailable(`${where}: ${message}`, { cause });
  switch (state) {
    // A standby that is no primary yet, or no more.
    case sqlState.readOnlyTransaction:
    // It was there when the hub opened it, and is made again when the hub does so again.
    case sqlState.undefinedDatabase:
      return new RemoteUnavailable(`${where}: ${message}`, { cause });
    case sqlState.invalidPassword:
      return new Error(`${where} refuses the user name or the password (${message})`, { cause });
    case sqlState.insufficientPrivilege:
      return new Error(`${where}: ${message}; grant it to ${target.username}`, { cause });
    default:
      return new Error(
        state?.startsWith('28')
          ? `${where} lets nobody in like this: ${message}; check the user name and the server's pg_hba.conf`
          : `${where}: ${message}`,
        { cause },
      );
  }
}

/** Where several addresses of a host were tried, the message is in the errors of each. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
