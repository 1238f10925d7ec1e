import assert from 'node:assert/strict';
import { nearest } from '../../../nodes/core/rpc/suggest.ts';

describe('nearest', () => {
  const names = ['device.list', 'device.get', 'device.execute', 'data.query', 'telemetry.latest'];

  it('finds the name that was meant', () => {
    assert.equal(nearest('device.lst', names), 'device.list');
    assert.equal(nearest('Device.List', names), 'device.list');
    assert.equal(nearest('devcie.execute', names), 'device.execute');
    assert.equal(nearest('telemetry.lastest', names), 'telemetry.latest');
  });

  it('prefers the closest of several', () => {
    assert.equal(
      nearest('device.lest', ['device.get', 'device.list', 'device.test']),
      'device.list',
    );
  });

  it('suggests nothing where nothing is close, and never for absurd names', () => {
    assert.equal(nearest('foobar', names), undefined);
    assert.equal(nearest('', names), undefined);
    assert.equal(nearest('a', ['bcd']), undefined);
    assert.equal(nearest('x'.repeat(100_000), ['x'.repeat(100_001)]), undefined);
  });
});
