import assert from 'node:assert/strict';
import { createClientAddress } from '../../../nodes/adapters/http/client-address.ts';
import { createAddressList } from '../../../nodes/adapters/limits/address-list.ts';

describe('a list of addresses', () => {
  it('knows addresses and networks of both versions', () => {
    const list = createAddressList(['127.0.0.1', '10.0.0.0/8', '2001:db8::/32']);
    for (const one of ['127.0.0.1', '::ffff:127.0.0.1', '10.255.0.1', '2001:db8:1::2'])
      assert.ok(list(one), one);
    for (const other of ['127.0.0.2', '11.0.0.1', '2001:db9::1', '', 'nonsense'])
      assert.ok(!list(other), other);
  });

  it('says which entry is no address', () => {
    for (const wrong of ['10.0.0.0/33', 'proxy.example', '10.0.0.0/', '::1/129', '1.2.3.4/x'])
      assert.throws(() => createAddressList(['127.0.0.1', wrong]), new RegExp(`"${wrong}"`));
  });
});

describe('the address of a client', () => {
  const addressOf = createClientAddress(createAddressList(['10.0.0.0/8']));
  const from = (remoteAddress: string, forwarded?: string): string =>
    addressOf({
      socket: { remoteAddress },
      headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
    });

  it('is that of the peer, whatever somebody not trusted says of himself', () => {
    assert.equal(from('192.0.2.1'), '192.0.2.1');
    assert.equal(from('192.0.2.1', '127.0.0.1'), '192.0.2.1');
  });

  it('is what the last trusted proxy says, not what the client wrote before', () => {
    assert.equal(from('::ffff:10.0.0.1', '192.0.2.1'), '192.0.2.1');
    assert.equal(from('10.0.0.1', '127.0.0.1, 192.0.2.1, 10.0.0.2'), '192.0.2.1');
  });

  it('is that of the last proxy when the header makes no sense', () => {
    assert.equal(from('10.0.0.1', 'nonsense'), '10.0.0.1');
    assert.equal(from('10.0.0.1', '192.0.2.1, nonsense, 10.0.0.2'), '10.0.0.2');
    assert.equal(from('10.0.0.1', ''), '10.0.0.1');
  });
});
