import type { RpcSocket } from '../adapters/websocket/rpc-socket.ts';
import type { Clock } from '../core/clock.ts';
import type { DeviceRegistry } from '../core/device/ports.ts';
import type { JsonObject } from '../core/document.ts';
import { invalidParam, optionalString } from '../core/params.ts';
import { ErrorCode, RpcError } from '../core/rpc/errors.ts';
import type { AuditTrail } from '../core/security/audit.ts';
import {
  keyIdOf,
  listKeys,
  readFlag,
  readKeyRequest,
  readRotation,
} from '../core/security/key-requests.ts';
import { firstAdminId, type Lockdown, type LockdownState } from '../core/security/lockdown.ts';
import type { KeyInfo, KeyRing, Principal } from '../core/security/types.ts';
import { cleanText } from '../core/text.ts';
import type { MqttLink } from '../core/topic/ports.ts';

/** A key as it is told: its id is `key_id`, as in the params. */
type KeyView = Omit<KeyInfo, 'id'> & { key_id: string };

/** Who may come in, as an administrator sees and changes it; params and answers as in docs/protocol.md. */
export interface HubAccess {
  createKey(params: JsonObject, by: Principal): Promise<KeyView & { key: string }>;
  listKeys(params: JsonObject): { keys: KeyView[]; cursor?: string };
  /** A device may rotate its own keys. @throws RpcError -32005 */
  rotateKey(params: JsonObject, by: Principal): Promise<KeyView & { key: string }>;
  revokeKey(params: JsonObject, by: Principal): Promise<{ key_id: string; revoked: true }>;
  disableKey(params: JsonObject, by: Principal): Promise<KeyView>;
  enableKey(params: JsonObject, by: Principal): Promise<KeyView>;
  /** Shuts out every LLM, or lets them in again. @throws RpcError -32005 */
  lockDown(params: JsonObject, by: Principal): Promise<LockdownState>;
}

export function createHubAccess(deps: {
  keys: KeyRing;
  lockdown: Lockdown;
  devices: DeviceRegistry;
  mqtt: MqttLink;
  liveClients: Pick<RpcSocket, 'disconnect'>;
  audit: AuditTrail;
  clock: Clock;
}): HubAccess {
  const { keys, lockdown, devices, mqtt, liveClients, audit, clock } = deps;

  const viewOf = ({ id, ...info }: KeyInfo): KeyView => ({ key_id: id, ...info });
  const told = (subject: string, by: Principal, details: Record<string, unknown>): void =>
    audit.record({ action: 'key', outcome: 'ok', subject, principal: by, details });

  keys.onEnd((id, why) => {
    const is = (principal: Principal): boolean => principal.id === id;
    liveClients.disconnect(is);
    if (why === 'revoked') mqtt.disconnect(id);
    else mqtt.disconnect(is);
    if (why === 'expired')
      audit.record({
        action: 'key',
        outcome: 'ok',
        subject: 'key.expired',
        details: { key_id: id },
      });
  });

  const setDisabled = async (
    subject: string,
    disabled: boolean,
    params: JsonObject,
    by: Principal,
  ): Promise<KeyView> => {
    const id = keyIdOf(params);
    if (disabled && id === by.id) throw invalidParam('key_id', 'this is the key you came in with');
    const info = await keys.setDisabled(id, disabled);
    told(subject, by, { key_id: id });
    return viewOf(info);
  };

  const isOwn = (keyId: string, { id, device_id: deviceId }: Principal): boolean =>
    keyId === id ||
    (deviceId !== undefined && keys.has(keyId) && keys.get(keyId).device_id === deviceId);

  return {
    async createKey(params, by) {
      const holder = readKeyRequest(params, clock.now());
      if (holder.device_id !== undefined) devices.get(holder.device_id);
      const { key, record } = await keys.issue({ ...holder, created_by: by.id });
      const view = viewOf(keys.get(record.id));
      told('key.create', by, { ...view });
      return { key, ...view };
    },

    listKeys(params) {
      const { keys: found, ...rest } = listKeys(keys.list(), params);
      return { keys: found.map(viewOf), ...rest };
    },

    async rotateKey(params, by) {
      const { keyId, overlapMs } = readRotation(params, by.means === 'key' ? by.id : undefined);
      if (by.role !== 'llm_admin' && !isOwn(keyId, by))
        throw new RpcError(ErrorCode.Unauthorized, 'a device may rotate its own keys only', {
          field: 'key_id',
        });
      const { key, record } = await keys.rotate(keyId, overlapMs);
      told('key.rotate', by, { key_id: keyId, overlap_seconds: overlapMs / 1_000 });
      return { key, ...viewOf(record) };
    },

    async revokeKey(params, by) {
      const id = keyIdOf(params);
      await keys.revoke(id);
      told('key.revoke', by, { key_id: id });
      return { key_id: id, revoked: true };
    },

    disableKey: (params, by) => setDisabled('key.disable', true, params, by),
    enableKey: (params, by) => setDisabled('key.enable', false, params, by),

    async lockDown(params, by) {
      const active = readFlag(params, 'active');
      if (!active && by.id !== firstAdminId)
        throw new RpcError(
          ErrorCode.Unauthorized,
          `only the first administrator's key (id ${firstAdminId}) lets the LLMs in again`,
        );
      const reason = cleanText(optionalString(params, 'reason'), 256) || undefined;
      const state = lockdown.set(active, by.id, reason);
      if (active) {
        const isOut = (principal: Principal): boolean => lockdown.shutsOut(principal);
        liveClients.disconnect(isOut);
        mqtt.disconnect(isOut);
      }
      told('key.lockdown', by, { active, ...(reason !== undefined && { reason }) });
      return state;
    },
  };
}
