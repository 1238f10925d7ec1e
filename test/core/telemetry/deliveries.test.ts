import assert from 'node:assert/strict';
import {
  createDeliveries,
  type DeliveryReceipt,
  type Unsettled,
} from '../../../nodes/core/telemetry/deliveries.ts';
import { createLedger, type LedgerAccount } from '../../../nodes/core/telemetry/ledger.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createFakeIds } from '../../support/fake-ids.ts';

function setUp() {
  const clock = createFakeClock();
  const ledger = createLedger();
  const warned: [string, Unsettled][] = [];
  const deliveries = createDeliveries({
    clock,
    ids: createFakeIds(),
    ledger,
    deadlineMs: 10_000,
    onUnsettled: (source, what) => warned.push([source, what]),
  });
  const receipts: DeliveryReceipt[] = [];
  const open = (readings: number): string =>
    deliveries.open({
      transport: 'mqtt',
      readings,
      source: 'mqtt-in-1',
      onSettled: (receipt) => receipts.push(receipt),
    });
  const account = (): LedgerAccount => ledger.snapshot().readings['mqtt']!;
  return { clock, deliveries, warned, receipts, open, account, ledger };
}

/** received = stored + rejected + filtered + dropped + in flight */
function assertAddsUp(account: LedgerAccount): void {
  const sum = (causes: Record<string, number>): number =>
    Object.values(causes).reduce((total, count) => total + count, 0);
  const { received, stored, rejected, filtered, dropped, in_flight } = account;
  assert.equal(received, stored + sum(rejected) + filtered + sum(dropped) + in_flight);
}

describe('deliveries', () => {
  it('tells the source when all readings are stored, once', () => {
    const { deliveries, open, receipts, account } = setUp();
    const id = open(3);
    assert.equal(account().in_flight, 3);
    deliveries.settle(id, 3);
    deliveries.settle(id, 3);
    assert.deepEqual(receipts, [{ accepted: 3, rejected: [], unsettled: false }]);
    assert.equal(account().stored, 3);
    assertAddsUp(account());
  });

  it('counts readings the flow took out as filtered, refused ones by their code', () => {
    const { deliveries, open, receipts, account } = setUp();
    const id = open(10);
    deliveries.reject(id, [{ index: 4, code: -32004, reason: 'out of range' }]);
    deliveries.settle(id, 6);
    assert.equal(receipts[0]!.accepted, 6);
    assert.deepEqual(account().rejected, { '-32004': 1 });
    assert.equal(account().filtered, 3);
    assertAddsUp(account());
  });

  it('ends as unsettled at its deadline, with a warning for the source, and only then', () => {
    const { clock, deliveries, open, receipts, warned, account } = setUp();
    open(5);
    clock.advance(9_999);
    assert.equal(receipts.length, 0);
    clock.advance(1);
    assert.deepEqual(receipts, [{ accepted: 0, rejected: [], unsettled: true }]);
    assert.deepEqual(account().dropped, { unsettled: 5 });
    assert.deepEqual(warned, [['mqtt-in-1', { readings: 5 }]]);
    assert.deepEqual(deliveries.unsettledBySource(), { 'mqtt-in-1': { readings: 5 } });
    assertAddsUp(account());
  });

  it('ends with the cause when the store fails', () => {
    const { deliveries, open, receipts, account } = setUp();
    deliveries.fail(open(2), -32006, 'disk full');
    assert.equal(receipts[0]!.accepted, 0);
    assert.deepEqual(receipts[0]?.rejected, [{ index: -1, code: -32006, reason: 'disk full' }]);
    assert.deepEqual(account().rejected, { '-32006': 2 });
    assertAddsUp(account());
  });

  it('names the last node that had an unsettled message', () => {
    const { clock, deliveries, open, warned } = setUp();
    const id = open(2);
    deliveries.passed(id, 'validate (a)');
    deliveries.passed(id, 'function (b)');
    clock.advance(10_000);
    assert.deepEqual(warned, [['mqtt-in-1', { readings: 2, last_node: 'function (b)' }]]);
  });

  it('has no deadline any more once the store has the readings', () => {
    const { clock, deliveries, open, receipts } = setUp();
    const id = open(2);
    deliveries.handOver(id);
    clock.advance(60_000);
    assert.equal(receipts.length, 0);
    deliveries.settle(id, 2);
    assert.equal(receipts[0]!.accepted, 2);
  });

  it('are taken back before the store has them, and as if they had not come in', () => {
    const { clock, deliveries, open, receipts, account } = setUp();
    const [early, late] = [open(3), open(4)];
    deliveries.handOver(late);
    assert.equal(deliveries.takeBack(early), true);
    assert.equal(deliveries.takeBack(late), false);
    deliveries.settle(early, 3);
    deliveries.settle(late, 4);
    clock.advance(10_000);
    assert.equal(receipts.length, 1);
    assert.equal(account().received, 4);
    assertAddsUp(account());
  });

  it('say when none is open', async () => {
    const { deliveries, open } = setUp();
    await deliveries.idle();
    const id = open(1);
    let idle = false;
    const waited = deliveries.idle().then(() => {
      idle = true;
    });
    await Promise.resolve();
    assert.equal(idle, false);
    deliveries.settle(id, 1);
    await waited;
  });

  it('leaves nothing behind when it closes', () => {
    const { deliveries, open, receipts, account } = setUp();
    open(1);
    open(2);
    deliveries.close();
    assert.equal(deliveries.openCount(), 0);
    assert.equal(receipts.length, 2);
    assertAddsUp(account());
  });

  it('counts readings refused before they travelled, and messages that were none', () => {
    const { ledger, account } = setUp();
    ledger.refused('mqtt', [{ index: 0, code: -32004, reason: 'no value' }]);
    ledger.refusedMessage('mqtt', '-32700');
    ledger.droppedMessage('mqtt', 'no_flow');
    assertAddsUp(account());
    assert.deepEqual(ledger.snapshot().messages, {
      mqtt: { refused: { '-32700': 1 }, dropped: { no_flow: 1 } },
    });
  });
});
