import assert from 'node:assert/strict';
import { networkOf, plainAddress } from '../../../nodes/core/security/network.ts';

describe('the network of an address', () => {
  it('is the address itself with IPv4, however it is written', () => {
    assert.equal(networkOf('192.0.2.7'), '192.0.2.7');
    assert.equal(networkOf('::ffff:192.0.2.7'), '192.0.2.7');
    assert.equal(networkOf('0:0:0:0:0:ffff:192.0.2.7'), '192.0.2.7');
  });

  it('is the /64 with IPv6, however it is written', () => {
    for (const same of ['2001:db8:0:1::1', '2001:0DB8:0000:0001:ffff:1:2:3', '2001:db8:0:1::%eth0'])
      assert.equal(networkOf(same), '2001:db8:0:1::/64');
    assert.notEqual(networkOf('2001:db8:0:2::1'), networkOf('2001:db8:0:1::1'));
    assert.equal(networkOf('2001:db8::1'), '2001:db8:0:0::/64');
    assert.equal(networkOf('::1'), '0:0:0:0::/64');
    assert.equal(networkOf('2001:db8:1:2:3:4:192.0.2.1'), '2001:db8:1:2::/64');
  });

  it('is short and does not fail for what is no address', () => {
    for (const strange of ['', 'unix socket', ':', ':::', '::1::2', 'a:b'])
      assert.ok(networkOf(strange).length < 40);
    assert.equal(plainAddress('fe80::1%eth0'), 'fe80::1');
  });
});
