import type { StreamSession } from './types.ts';

export interface QueueLimits {
  /** Most updates that wait for one session. */
  queuedUpdates: number;
  /** Most characters that wait for one session. */
  queuedCharacters: number;
}

/** The way of updates to one session: straight on while it keeps up, else through a bounded queue. */
export interface UpdateQueue {
  /** @param head an update up to the end of its `data`, see `updateHead` */
  push(head: string): void;
  /** Sends what waits, as long as the session is writable. */
  flush(): void;
  waiting(): number;
}

/**
 * A `stream.update` (specification section 5.1) but for its end, so that all sessions share one text. What is in `data` is
 * from devices, and labelled so, unless the hub itself says it.
 */
export function updateHead(
  channel: string,
  timestamp: string,
  data: string,
  fromDevice = true,
): string {
  const untrusted = fromDevice ? '"untrusted":["data"],' : '';
  return (
    `{"jsonrpc":"2.0","method":"stream.update","params":{"channel":${JSON.stringify(channel)},` +
    `"timestamp":"${timestamp}",${untrusted}"data":${data}`
  );
}

/** @param count is told of every update sent and lost */
export function createUpdateQueue(
  session: StreamSession,
  limits: QueueLimits,
  count: { sent(): void; dropped(): void },
): UpdateQueue {
  let queue: string[] = [];
  let characters = 0;
  /** Lost since the last update that was sent. */
  let lost = 0;

  const send = (head: string): void => {
    const tail = lost > 0 ? `,"dropped":${lost}}}` : '}}';
    lost = 0;
    count.sent();
    session.send(head + tail);
  };

  const flush = (): void => {
    let sent = 0;
    while (sent < queue.length && session.writable()) {
      const head = queue[sent] ?? '';
      sent += 1;
      characters -= head.length;
      send(head);
    }
    if (sent > 0) queue = queue.slice(sent);
  };

  return {
    push(head) {
      if (queue.length > 0) flush();
      if (queue.length === 0 && session.writable()) {
        send(head);
        return;
      }
      queue.push(head);
      characters += head.length;
      while (queue.length > limits.queuedUpdates || characters > limits.queuedCharacters) {
        characters -= queue.shift()?.length ?? 0;
        lost += 1;
        count.dropped();
      }
    },
    flush,
    waiting: () => queue.length,
  };
}
