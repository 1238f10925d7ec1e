/**
 * The value of `WWW-Authenticate` (RFC 6750) for somebody who showed nothing, nothing valid, or too little.
 * @param metadataUrl where a client learns who gives out tokens (RFC 9728); undefined when nobody does
 * @param scope what a token would need to carry
 */
export function bearerChallenge(
  error: 'invalid_token' | 'insufficient_scope' | undefined,
  metadataUrl: string | undefined,
  scope?: string,
): string {
  const parts = [
    ...(error === undefined ? [] : [`error="${error}"`]),
    ...(scope === undefined ? [] : [`scope="${scope}"`]),
    ...(metadataUrl === undefined ? [] : [`resource_metadata="${metadataUrl}"`]),
  ];
  return ['Bearer', parts.join(', ')].join(' ').trim();
}
