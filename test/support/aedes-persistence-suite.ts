// Runs the suite that aedes ships for its persistences against the hub's, under node:test; in a folder if one is named.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test, type TestFn } from 'node:test';
import { memoryOfSessions } from './session-persistence.ts';

type Suite = (options: {
  test: (name: string, run: TestFn) => void;
  persistence: () => Promise<unknown>;
  testAsync: boolean;
}) => void;

/** Tests of what the hub leaves out on purpose, and why. */
const leftOut = new Map([
  [
    'add incoming packet, get it, and clear with messageId',
    'the id of a QoS 2 message is enough to recognise its repetition; the message itself is not kept',
  ],
]);

const [folder] = process.argv.slice(2);
const requireOfAedes = createRequire(import.meta.resolve('aedes'));
const suite = requireOfAedes('aedes-persistence/abstract.js') as Suite;
let files = 0;

suite({
  testAsync: true,
  persistence: async () => {
    const file = folder === undefined ? undefined : join(folder, `${files++}.db`);
    const sessions = await memoryOfSessions({ file });
    return Object.assign(sessions.persistence, { destroy: () => sessions.close() });
  },
  test: (name, run) => {
    const reason = leftOut.get(name);
    void test(name, reason === undefined ? {} : { skip: reason }, run);
  },
});
