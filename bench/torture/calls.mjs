// How long a caller waits who has nothing to do with the telemetry.
import { setTimeout as pause } from 'node:timers/promises';
import { createTimes } from '../figures.mjs';
import { createHttpClient } from './rpc-reporter.mjs';

const everyMs = 40;

/**
 * Asks the hub for its methods, again and again until it is stopped.
 * @param {import('./site.mjs').Site} site
 */
export function watchCalls(site) {
  const times = createTimes();
  let unanswered = 0;
  let stopped = false;
  const watching = (async () => {
    while (!stopped) {
      const before = performance.now();
      await createHttpClient(site.hub.url, site.hub.adminKey)
        .call('rpc.methods', {})
        .then(
          () => times.add(performance.now() - before),
          () => (unanswered += 1),
        );
      await pause(everyMs * (0.5 + Math.random()));
    }
  })();
  return {
    async stop() {
      stopped = true;
      await watching;
      return { figures: times.figures(), unanswered };
    },
  };
}
