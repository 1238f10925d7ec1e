import assert from 'node:assert/strict';
import type { AuditEvent } from '../../nodes/core/security/audit.ts';
import { startRig, type NodeRig } from '../support/node-rig.ts';

const event = (id: string, more: object) => ({
  id,
  type: 'llm-iot-audit-event',
  outputs: 1,
  ...more,
});

describe('audit event', () => {
  let rig: NodeRig;

  before(async () => {
    const nodes = [
      event('all', { actions: [], outcomes: [] }),
      event('refusals', { actions: ['refusal'], outcomes: ['refused'] }),
    ];
    rig = await startRig({ nodeRed: 'node-red', nodes });
  });
  after(() => rig.stop());

  it('tells what is chosen, with secrets masked', async () => {
    const { audit } = await rig.hub();
    audit.record({
      action: 'key',
      outcome: 'ok',
      subject: 'key.create',
      details: { password: 'x' },
    });
    audit.record({ action: 'refusal', outcome: 'refused', subject: 'key.list' });
    const { topic, payload } = await rig.next('refusals');
    assert.deepEqual([topic, (payload as AuditEvent).subject], ['refusal', 'key.list']);
    assert.equal(rig.received('refusals').length, 1);
    const made = await rig.next('all', 0, (message) => message.topic === 'key');
    assert.deepEqual((made.payload as AuditEvent).details, { password: '***' });
  });
});
