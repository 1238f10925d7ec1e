// What a load tells the process that started it.

/** The load has come to where its starter waits for it. @param {unknown} value */
export const tellReady = (value) => process.send?.({ ready: value });

/** @param {unknown} progress */
export const tellProgress = (progress) => process.send?.({ progress });

/** Resolves when the load shall stop. @param {AbortSignal} signal */
export const stopped = (signal) =>
  new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
