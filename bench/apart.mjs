// Runs a load in a process of its own, so that it does not share a thread with what it measures or is measured by.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const entry = fileURLToPath(new URL('load-process.mjs', import.meta.url));

/**
 * @param {string} load name of a file in loads/, which exports `run(options, signal)`
 * @param {object} options must survive structured cloning
 * @param {(progress: any) => void} [onProgress] gets what the load tells by `tellProgress`
 * @returns {{ result: Promise<any>, ready: Promise<any>, pid: number, stop(): Promise<any> }} `stop` aborts the
 *   signal and waits for the result; `ready` resolves with what the load told by `tellReady`
 */
export function startApart(load, options, onProgress = () => undefined) {
  const child = fork(entry, [load], { serialization: 'advanced' });
  const ready = Promise.withResolvers();
  const result = Promise.withResolvers();
  ready.promise.catch(() => undefined);
  result.promise.catch(() => undefined);
  child.on('message', (/** @type {any} */ message) => {
    if ('progress' in message) onProgress(message.progress);
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

/** @param {string} load @param {object} options @param {(progress: any) => void} [onProgress] */
export const runApart = (load, options, onProgress) => startApart(load, options, onProgress).result;
