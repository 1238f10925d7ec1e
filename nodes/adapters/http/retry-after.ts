/** The value of a `Retry-After` header, which knows whole seconds only. */
export const retryAfter = (ms: number): string => String(Math.max(1, Math.ceil(ms / 1000)));
