import assert from 'node:assert/strict';
import {
  createAcknowledgements,
  pubackPacket,
  type Acknowledgeable,
} from '../../../nodes/adapters/mqtt/acknowledgements.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function connection(options: { full?: boolean; closed?: boolean } = {}) {
  const log: string[] = [];
  let drained: (() => void) | undefined;
  const fake: Acknowledgeable = {
    write(bytes) {
      log.push(bytes.toString('hex'));
      return !options.full;
    },
    whenDrained(then) {
      drained = then;
    },
    settled: () => void log.push('settled'),
    isClosed: () => options.closed ?? false,
  };
  return { fake, log, drain: () => drained?.() };
}

describe('acknowledgements', () => {
  it('of one turn go out in one write for each connection, in order, and then reading goes on', async () => {
    const acknowledgements = createAcknowledgements();
    const [one, other] = [connection(), connection()];
    acknowledgements.settle(one.fake, pubackPacket(1));
    acknowledgements.settle(other.fake, pubackPacket(258, 0x83));
    acknowledgements.settle(one.fake, undefined);
    acknowledgements.settle(one.fake, pubackPacket(2));
    assert.deepEqual(one.log, []);
    await turn();
    assert.deepEqual(one.log, ['4002000140020002', 'settled', 'settled', 'settled']);
    assert.deepEqual(other.log, ['4003010283', 'settled']);
  });

  it('do not read on from a client that does not read them', async () => {
    const acknowledgements = createAcknowledgements();
    const { fake, log, drain } = connection({ full: true });
    acknowledgements.settle(fake, pubackPacket(1));
    await turn();
    assert.deepEqual(log, ['40020001']);
    drain();
    assert.deepEqual(log, ['40020001', 'settled']);
  });

  it('are not written to a connection that is closed', async () => {
    const acknowledgements = createAcknowledgements();
    const { fake, log } = connection({ closed: true });
    acknowledgements.settle(fake, pubackPacket(1));
    await turn();
    assert.deepEqual(log, []);
  });
});
