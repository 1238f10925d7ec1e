import type { AuditTrail } from '../security/audit.ts';
import type { Clock } from '../clock.ts';
import type { JsonObject } from '../document.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { canonical } from '../schema/canonical.ts';
import type { Mac } from '../security/ports.ts';
import type { ReplayGuard } from '../security/replay-guard.ts';
import {
  readSignature,
  signatureProblem,
  signatureToleranceMs,
  type SignatureProblem,
} from '../security/signature.ts';
import type { SigningSecrets } from '../security/signing-secrets.ts';
import type { Principal } from '../security/types.ts';

/** A call that may need a signature. */
export interface SignedCall {
  method: string;
  /** As the caller gave them, the signature included. */
  params: JsonObject;
  principal: Principal | undefined;
}

/** Resolves once the call is known to be signed by its caller and not a repetition. @throws RpcError -32005, -32006 */
export type RequireSignature = (call: SignedCall) => Promise<void>;

/** Who signs what comes from the flow itself. */
export const flowSigner = 'flow';

/**
 * The text a caller signs: JSON by RFC 8785 of `{ method, device_id, command, arguments }`, with `device_ids` in place of
 * `device_id` for a batch. `arguments` is `{}` when there are none; a device's own method has all of its params but
 * `device_id` and `signature` there, and no `command`. What the call does not have is not in it.
 */
export function signedBody({ method, params }: Pick<SignedCall, 'method' | 'params'>): string {
  const { device_id, device_ids, command, arguments: args = {} } = params;
  const one = device_id !== undefined && { device_id };
  if (method === 'device.execute') return canonical({ method, ...one, command, arguments: args });
  if (method === 'device.batch_execute')
    return canonical({ method, device_ids, command, arguments: args });
  const own = { ...params };
  delete own['device_id'];
  delete own['signature'];
  return canonical({ method, ...one, arguments: own });
}

const reasons: Record<SignatureProblem | 'missing' | 'no_secret', string> = {
  missing:
    'this command is critical: the call needs params.signature = { id, timestamp, signature }',
  no_secret:
    'this command is critical, and there is no signing secret for who calls; an administrator makes one with key.signing_secret',
  malformed:
    'params.signature must be { id, timestamp, signature }: an id of up to 128 letters, digits, _ and -, seconds since 1970, v1,<base64>',
  stale: 'the timestamp of the signature is more than five minutes off the clock of the hub',
  wrong:
    'the signature does not fit this call: another secret, or something was changed after signing',
};

export function createRequireSignature(deps: {
  mac: Mac;
  secrets: SigningSecrets;
  replays: ReplayGuard;
  audit: AuditTrail;
  clock: Clock;
}): RequireSignature {
  const { mac, secrets, replays, audit, clock } = deps;

  const check = async (call: SignedCall, signer: string): Promise<void> => {
    const { signature } = call.params;
    const read = readSignature(signature);
    const now = clock.now();
    const problem = problemOf(call, secrets.of(`caller:${signer}`), now);
    if (problem || !read) {
      const what = problem ?? 'malformed';
      throw new RpcError(ErrorCode.Unauthorized, reasons[what], {
        field: 'signature',
        signature: what,
        key_id: signer,
        ...(what === 'stale' && { server_time: new Date(now).toISOString() }),
      });
    }
    await replays.use(signer, read.id, read.timestamp * 1_000 + signatureToleranceMs);
  };
  const problemOf = (
    call: SignedCall,
    known: readonly string[],
    now: number,
  ): keyof typeof reasons | undefined => {
    const { signature } = call.params;
    if (signature === undefined || signature === null) return 'missing';
    if (known.length === 0) return 'no_secret';
    return signatureProblem(mac, known, { signature, body: signedBody(call), now });
  };

  return async (call) => {
    const { params, principal } = call;
    try {
      await check(call, principal?.id ?? flowSigner);
    } catch (error) {
      const { command = call.method, device_id: deviceId, device_ids: deviceIds } = params;
      audit.record({
        action: 'refusal',
        outcome: 'refused',
        subject: typeof command === 'string' ? command : call.method,
        ...(principal && { principal }),
        ...(typeof deviceId === 'string' && { device_id: deviceId }),
        ...(error instanceof RpcError && { code: error.code, reason: error.reason }),
        details: {
          method: call.method,
          ...(Array.isArray(deviceIds) && { device_ids: deviceIds as unknown[] }),
        },
      });
      throw error;
    }
  };
}
