import { nodeMac } from '../adapters/signing/node-mac.ts';
import { createRequireSignature, type RequireSignature } from '../core/command/call-signature.ts';
import { signMessage, type SignedMessage } from '../core/command/signed-message.ts';
import type { Clock } from '../core/clock.ts';
import type { DeviceRegistry, RegistrationResult } from '../core/device/ports.ts';
import type { CommandDeclaration } from '../core/device/types.ts';
import type { Emitter, HubEvents } from '../core/events.ts';
import type { Ids } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import { invalidParam, optionalBoolean, optionalNumber, requiredString } from '../core/params.ts';
import { ErrorCode, RpcError } from '../core/rpc/errors.ts';
import type { RecordStore } from '../core/records.ts';
import type { AuditTrail } from '../core/security/audit.ts';
import type { SecretBox } from '../core/security/ports.ts';
import { createReplayGuard } from '../core/security/replay-guard.ts';
import {
  readSignature,
  sign,
  signatureProblem,
  signatureToleranceMs,
  type Signature,
} from '../core/security/signature.ts';
import { createSigningSecrets, type Signer } from '../core/security/signing-secrets.ts';
import type { KeyRing, Principal } from '../core/security/types.ts';

const hour = 3_600_000;
const longestOverlap = 2_592_000;
const longestId = 256;

type Params = Record<string, unknown>;

/** Signing, as the hub's other parts see it. */
export interface HubSigning {
  requireSignature: RequireSignature;
  /** A registry whose devices get their signing secret when they register. */
  withSecrets(registry: DeviceRegistry): DeviceRegistry;
  /** What goes beside a critical command; undefined for a device without a secret. */
  signCommand: (command: {
    targetId: string;
    id: string;
    method: string;
    params: Params;
  }) => SignedMessage | undefined;
  /** Signs a text for a flow, with an id of its own. */
  sign(secrets: readonly string[], body: string): Signature;
  /**
   * Resolves when a text is signed with one of the secrets and its id was not used at this place before.
   * @throws RpcError -32005, -32006
   */
  verify(
    secrets: readonly string[],
    given: { place: string; signature: unknown; body: string },
  ): Promise<void>;
  /** `key.signing_secret`: `{ key_id, overlap_seconds? }`, the id of a key, of who has a token, or `flow`. @throws RpcError -32602 */
  issueSigningSecret(
    params: Params,
    by: Principal,
  ): Promise<{
    key_id: string;
    signing_secret: string;
    earlier_good_until?: string;
  }>;
}

export async function createHubSigning(deps: {
  records: RecordStore;
  box: SecretBox;
  keys: Pick<KeyRing, 'onEnd'>;
  audit: AuditTrail;
  events: Emitter<HubEvents>;
  ownerOf: (id: string) => string | undefined;
  ids: Ids;
  clock: Clock;
  log: Log;
}): Promise<HubSigning> {
  const { audit, clock, events, log } = deps;
  const secrets = createSigningSecrets({ ...deps, mac: nodeMac });
  const replays = createReplayGuard(deps);
  await Promise.all([secrets.load(), replays.load()]);
  const forget = (signer: Signer): void => {
    secrets
      .remove(signer)
      .catch((error: unknown) =>
        log.error(`a signing secret could not be removed: ${String(error)}`),
      );
  };
  events.on('removed', ({ device }) => forget(`device:${device.device_id}`));
  deps.keys.onEnd((id, why) => {
    // A key that is switched off may come back, and one that was rotated goes on under its id.
    if (why === 'revoked' || why === 'expired') forget(`caller:${id}`);
  });

  /** The secret for a device that registers: when it has a critical command and no secret yet, or asks for one. */
  const secretFor = async (
    registry: DeviceRegistry,
    params: Params,
    deviceId: string,
  ): Promise<string | undefined> => {
    const asks = optionalBoolean(params, 'signing_secret') === true;
    const needs = registry.resolve(deviceId)?.device.commands.some(isCritical) === true;
    if (!asks && (!needs || secrets.has(`device:${deviceId}`))) return undefined;
    return (await secrets.issue(`device:${deviceId}`, hour)).secret;
  };

  return {
    requireSignature: createRequireSignature({ mac: nodeMac, secrets, replays, audit, clock }),
    withSecrets: (registry) => ({
      ...registry,
      async register(params: Params, principal: Principal | undefined) {
        optionalBoolean(params, 'signing_secret');
        const result: RegistrationResult = await registry.register(params, principal);
        try {
          const secret = await secretFor(registry, params, result.device_id);
          return { ...result, ...(secret !== undefined && { signing_secret: secret }) };
        } catch (error) {
          // Its key was told to nobody: the device could never come back.
          if (!result.resumed) await registry.remove(result.device_id);
          throw error;
        }
      },
    }),
    signCommand(command) {
      const known = secrets.of(`device:${deps.ownerOf(command.targetId) ?? ''}`);
      return known.length === 0 ? undefined : signMessage(nodeMac, known, command, clock.now());
    },
    sign: (known, body) =>
      sign(nodeMac, known, { id: `msg_${deps.ids.uuid()}`, body, now: clock.now() }),
    async verify(known, { place, signature, body }) {
      const problem = signatureProblem(nodeMac, known, { signature, body, now: clock.now() });
      const read = readSignature(signature);
      if (problem || !read)
        throw new RpcError(ErrorCode.Unauthorized, `the signature is ${problem ?? 'malformed'}`, {
          signature: problem ?? 'malformed',
        });
      await replays.use(place, read.id, read.timestamp * 1_000 + signatureToleranceMs);
    },
    async issueSigningSecret(params, by) {
      const keyId = requiredString(params, 'key_id');
      if (keyId.length > longestId)
        throw invalidParam('key_id', `key_id may have ${longestId} characters`);
      const bounds = { min: 0, max: longestOverlap, integer: true };
      const overlap = (optionalNumber(params, 'overlap_seconds', bounds) ?? 3_600) * 1_000;
      const { secret, others } = await secrets.issue(`caller:${keyId}`, overlap);
      audit.record({
        ...{ action: 'key', outcome: 'ok', subject: 'key.signing_secret', principal: by },
        details: { key_id: keyId, overlap_seconds: overlap / 1_000 },
      });
      const until = new Date(clock.now() + overlap).toISOString();
      return {
        key_id: keyId,
        signing_secret: secret,
        ...(others > 0 && { earlier_good_until: until }),
      };
    },
  };
}

const isCritical = ({ critical }: CommandDeclaration): boolean => critical === true;
