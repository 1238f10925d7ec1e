import assert from 'node:assert/strict';
import { requireTool } from '../support/require-tool.ts';
import { sharedSite, type Site } from './shared-site.ts';

/** What came of a fault, as bench/torture/outcome.mjs has it. */
interface Outcome {
  acknowledged: number;
  stored: number;
  missing: number;
  promises: { promise: string; kept: boolean; found: string }[];
}

interface Fault {
  run: (options: { quick: true; log: (text: string) => void; site?: Site }) => Promise<Outcome>;
}

/**
 * Runs a fault of `npm run torture` in its short form.
 * @param promise the title of the test
 * @param options `shared` uses the hub that other faults use too; `tool` is a command and the Debian package it is in
 */
export function testFault(
  name: string,
  promise: string,
  options: { shared?: true; tool?: readonly [command: string, debianPackage: string] } = {},
): void {
  describe(`npm run torture -- ${name}`, function () {
    this.timeout(90_000);

    it(promise, async function () {
      if (options.tool) requireTool(this, ...options.tool);
      const { run } = (await import(`../../bench/torture/faults/${name}.mjs`)) as Fault;
      const log: string[] = [];
      const { missing, promises } = await run({
        quick: true,
        log: (text) => log.push(text),
        ...(options.shared && { site: await sharedSite() }),
      });
      assert.equal(missing, 0, 'acknowledged and not stored');
      const broken = promises.filter(({ kept }) => !kept);
      assert.deepEqual(broken, [], log.join('\n'));
    });
  });
}
