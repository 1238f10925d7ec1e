import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  deviceMethodRoles,
  mayCallShipped,
  methodRoles,
  principalOf,
  topicRights,
} from '../../../nodes/core/security/role-table.ts';
import { roles, type Role } from '../../../nodes/core/security/types.ts';
import { runTool } from '../../support/run-tool.ts';

const root = join(import.meta.dirname, '..', '..', '..');

interface RpcIn {
  type: string;
  method: string;
  roles: Role[];
  open?: boolean;
  deviceMethods?: boolean;
}
const flow = JSON.parse(readFileSync(join(root, 'flows', 'hub.json'), 'utf8')) as RpcIn[];
const shipped = flow.filter(({ type }) => type === 'llm-iot-rpc-in');

/** The administrator may call everything, whether a node says so or not. */
const told = (given: readonly Role[]): Role[] =>
  given.filter((role) => role !== 'llm_admin').sort();

describe('the table of roles', () => {
  it('has a line for each method of the shipped flow, and no other', () => {
    const inFlow = shipped.filter(({ deviceMethods }) => !deviceMethods).map((node) => node.method);
    assert.deepEqual(
      Object.keys(methodRoles).sort(),
      inFlow.sort(),
      'A method was added to flows/hub.json, or taken away: do the same in `methodRoles` of ' +
        'nodes/core/security/role-table.ts (in the order of the alphabet), run `node scripts/security-doc.mjs`, and give ' +
        'test/support/role-calls.ts params with which the method can be called.',
    );
  });

  for (const { method, roles: given, open, deviceMethods } of shipped)
    it(`says what the node of ${method || 'the methods of devices'} says`, () => {
      const line = deviceMethods ? deviceMethodRoles : methodRoles[method];
      assert.deepEqual(
        line === 'open' ? 'open' : told(line ?? []),
        open ? 'open' : told(given),
        `The roles of ${method} are not the same on its rpc in node in flows/hub.json and in ` +
          'nodes/core/security/role-table.ts: change one of them, then run `node scripts/security-doc.mjs`.',
      );
    });

  it('gives the administrator everything and a registration key one thing', () => {
    for (const method of Object.keys(methodRoles)) {
      assert.ok(mayCallShipped('llm_admin', method));
      const registers = method === 'device.register' || method === 'hub.health';
      assert.equal(mayCallShipped('registration key', method), registers, method);
      assert.equal(mayCallShipped('no key', method), method === 'hub.health', method);
    }
  });

  it('lets nobody but devices and administrators at the topics', () => {
    for (const role of roles.filter((one) => one !== 'device' && one !== 'llm_admin'))
      assert.deepEqual(topicRights(role, 'llm-iot/devices/{own}/telemetry'), {
        publish: false,
        subscribe: false,
      });
    assert.equal(principalOf('device', 'd1')?.device_id, 'd1');
  });

  for (const script of ['security-doc', 'protocol-doc'])
    it(`is printed in the documentation as it is (scripts/${script}.mjs)`, async () => {
      await runTool(process.execPath, [join(root, 'scripts', `${script}.mjs`), '--check']).done();
    });
});
