import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { createStopSignals } from '../../nodes/runtime/stop-signals.ts';
import { until } from '../support/until.ts';

const setUp = (patienceMs = 10_000) => {
  const fakeProcess = new EventEmitter();
  const told: string[] = [];
  fakeProcess.on('SIGTERM', (signal: string, number: number) => told.push(`${signal} ${number}`));
  const signals = createStopSignals(fakeProcess as unknown as NodeJS.Process, patienceMs);
  signals.takeOver();
  return { fakeProcess, told, signals };
};

describe('signals that end the process', () => {
  it('reach those who listened before only when all is finished', async () => {
    const { fakeProcess, told, signals } = setUp();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    signals.beforeStop(async () => promise);
    assert.equal(signals.stopping(), false);
    fakeProcess.emit('SIGTERM', 'SIGTERM', 15);
    await new Promise(setImmediate);
    assert.equal(signals.stopping(), true);
    assert.deepEqual(told, []);
    resolve(undefined);
    await until('the listener is told', () => told.length === 1);
    assert.deepEqual(told, ['SIGTERM 15']);
  });

  it('do not wait for what never finishes, nor for what fails', async () => {
    const { fakeProcess, told, signals } = setUp(20);
    signals.beforeStop(() => Promise.reject(new Error('no')));
    signals.beforeStop(() => new Promise(() => undefined));
    const keepAlive = setInterval(() => undefined, 1_000);
    fakeProcess.emit('SIGTERM', 'SIGTERM', 15);
    await until('the listener is told', () => told.length === 1);
    clearInterval(keepAlive);
  });

  it('do not wait the second time', () => {
    const { fakeProcess, told, signals } = setUp();
    signals.beforeStop(() => new Promise(() => undefined));
    fakeProcess.emit('SIGTERM', 'SIGTERM', 15);
    fakeProcess.emit('SIGTERM', 'SIGTERM', 15);
    assert.equal(told.length, 1);
  });

  it('reach listeners that came later, once it took over again, and each once', async () => {
    const { fakeProcess, told, signals } = setUp();
    fakeProcess.on('SIGTERM', () => told.push('later'));
    signals.takeOver();
    signals.takeOver();
    const stop = signals.beforeStop(() => assert.fail('taken off the list'));
    stop();
    fakeProcess.emit('SIGTERM', 'SIGTERM', 15);
    await until('both are told', () => told.length === 2);
    assert.deepEqual(told, ['SIGTERM 15', 'later']);
  });
});
