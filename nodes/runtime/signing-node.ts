import { ErrorCode, RpcError } from '../core/rpc/errors.ts';
import { isSigningSecret } from '../core/security/signature.ts';

/** Credentials of the `sign` and `verify` nodes. */
export const signingSecretNames = ['secret', 'previous'] as const;

/** The secrets of a node, the newest first. @throws Error when the first is none, or another is there and none */
export function secretsOfNode(credentials: Record<string, string> | undefined): string[] {
  const given = signingSecretNames.flatMap((name) => {
    const text = credentials?.[name]?.trim() ?? '';
    return text === '' ? [] : [text];
  });
  if (given.length === 0) throw new Error('the node has no signing secret');
  if (!given.every(isSigningSecret))
    throw new Error('a signing secret is whsec_ and 24 to 64 bytes in base64');
  return given;
}

/** A payload as the text that is signed. @throws RpcError -32602 for what is no text */
export function textOf(payload: unknown): string {
  if (typeof payload === 'string') return payload;
  if (payload instanceof Uint8Array) {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload);
    } catch {
      // What is no UTF-8 would lose what makes it different.
    }
  }
  throw new RpcError(
    ErrorCode.InvalidParams,
    'the payload must be the text as it came, or its bytes in UTF-8',
    { field: 'payload' },
  );
}
