import type { IncomingMessage } from 'node:http';

/** How reading a body ended. */
export type BodyOutcome = { body: Buffer } | { failed: 'too-large' | 'timeout' | 'aborted' };

/**
 * Reads a request's body, never more than `maxBytes` of it and never longer than `timeoutMs`. On a
 * refusal the rest is left unread.
 */
export function readBody(
  req: IncomingMessage,
  limits: { maxBytes: number; timeoutMs: number },
): Promise<BodyOutcome> {
  if (Number(req.headers['content-length']) > limits.maxBytes) {
    return Promise.resolve({ failed: 'too-large' });
  }
  // It may have waited for its turn, and its sender left.
  if (req.destroyed) return Promise.resolve({ failed: 'aborted' });
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (outcome: BodyOutcome): void => {
      clearTimeout(timer);
      req.off('data', onData).off('end', onEnd).off('close', onClose);
      resolve(outcome);
    };
    const timer = setTimeout(() => finish({ failed: 'timeout' }), limits.timeoutMs).unref();
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limits.maxBytes) finish({ failed: 'too-large' });
      else chunks.push(chunk);
    };
    const onEnd = (): void => finish({ body: Buffer.concat(chunks, size) });
    const onClose = (): void => finish({ failed: 'aborted' });
    // An aborted request emits an error too, and one nobody listens to would end the process.
    req.on('error', () => undefined);
    req.on('data', onData).on('end', onEnd).on('close', onClose);
  });
}
