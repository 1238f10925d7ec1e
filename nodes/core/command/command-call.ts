import type { JsonObject } from '../document.ts';
import type { Principal } from '../security/types.ts';
import { cleanText } from '../text.ts';
import type { CallConfirmation } from './call-confirmation.ts';
import type { GivenCommand } from './on-record.ts';
import type { ConfirmSpec } from './read-back.ts';
import { readRequestKey } from './request-keys.ts';
import type { CommandOptions, CommandRequest } from './request.ts';
import type { CommandOrigin, CommandRecord } from './types.ts';

/** A command as it was read and checked. */
export interface ReadCall {
  request: CommandRequest;
  options: CommandOptions;
  confirm: ConfirmSpec | undefined;
}

/** One command as it came, by whatever way. */
export interface Call {
  method: string;
  params: JsonObject;
  principal: Principal | undefined;
  /** Its signature, or somebody's word, where it needs one. */
  confirmation: CallConfirmation;
  policies: readonly string[];
  origin: CommandOrigin | undefined;
  /** Not one of a batch, and did not wait. */
  isAnswer: boolean;
  /** Called before anything of it is sent or queued. */
  started: (commandId: string) => Promise<void>;
  /** The command it undoes. */
  reverts?: string;
  /** Set for one that waited. */
  waited?: CommandRecord;
}

/** What goes on record of a call, whatever comes of it. */
export const givenBy = ({ params, principal, origin, isAnswer }: Call): GivenCommand => ({
  ...{ params, principal, origin, isAnswer },
  reason: cleanText(params['reason'], 500) || undefined,
});

/** What the record of a command says of the call it came by. */
export function recordOf(
  { params, origin, reverts }: Call,
  { reason }: CommandOptions,
): Partial<CommandRecord> {
  const key = readRequestKey(params);
  return {
    ...(reason !== undefined && { reason }),
    ...(origin?.agent !== undefined && { agent: origin.agent }),
    ...(key !== undefined && { request_key: key }),
    ...(reverts !== undefined && { reverts }),
  };
}
