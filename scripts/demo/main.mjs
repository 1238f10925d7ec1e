// npm run demo: a house of ten devices joins a running hub, and a played LLM talks with it.
import { completeKeys, readOptions, usage, UsageError } from './options.mjs';
import { DemoStopped, runDemo } from './run-demo.mjs';

const stop = new AbortController();
process.once('SIGINT', () => stop.abort(new DemoStopped()));
process.once('SIGTERM', () => stop.abort(new DemoStopped()));

try {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options === 'help') console.log(usage);
  else {
    const complete = await completeKeys(options, process.stdin, process.stdout);
    const { steps } = await runDemo({ ...complete, signal: stop.signal });
    if (steps.some(({ ok }) => !ok)) process.exitCode = 1;
  }
} catch (error) {
  process.exitCode = error instanceof UsageError ? 2 : error instanceof DemoStopped ? 130 : 1;
  console.error(`\n${error instanceof Error ? error.message : String(error)}`);
}
