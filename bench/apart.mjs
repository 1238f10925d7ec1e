// Runs a load in a process of its own, so that it does not share a thread with what it measures or is measured by.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * @param {string} load name of a file in loads/, which exports `run(options, signal)`
 * @param {object} options must survive structured cloning
 * @returns {{ result: Promise<any>, ready: Promise<any>, pid: number, stop(): Promise<any> }} `stop` aborts the
 *   signal and waits for the result; `ready` resolves with what the load told by `process.send({ ready })`
 */
export function startApart(load, options) {
  const child = fork(fileURLToPath(import.meta.url), [load], { serialization: 'advanced' });
  const ready = Promise.withResolvers();
  const result = Promise.withResolvers();
  ready.promise.catch(() => undefined);
  result.promise.catch(() => undefined);
  child.on('message', (/** @type {any} */ message) => {
    if ('ready' in message) ready.resolve(message.ready);
    if ('result' in message) result.resolve(message.result);
    if ('failure' in message) fail(new Error(`${load}: ${message.failure}`));
  });
  child.on('exit', (code) => fail(new Error(`${load} ended with code ${code}`)));
  const fail = (/** @type {Error} */ error) => {
    ready.reject(error);
    result.reject(error);
  };
  child.send({ options });
  return {
    result: result.promise,
    ready: ready.promise,
    pid: child.pid ?? 0,
    stop() {
      if (child.connected) child.send({ stop: true });
      return result.promise;
    },
  };
}

/** @param {string} load @param {object} options */
export const runApart = (load, options) => startApart(load, options).result;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { run } = await import(`./loads/${process.argv[2]}.mjs`);
  const abort = new AbortController();
  process.on('disconnect', () => process.exit(1));
  process.on('message', async (/** @type {any} */ message) => {
    if (message.stop) return abort.abort();
    const outcome = await run(message.options, abort.signal).then(
      (/** @type {unknown} */ result) => ({ result }),
      (/** @type {Error} */ error) => ({ failure: error.stack }),
    );
    process.send?.(outcome, () => process.exit(0));
  });
}
