// The process of a load: runs loads/{name}.mjs with the options it is sent.
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
