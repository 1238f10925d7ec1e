import { BlockList, isIP } from 'node:net';
import { plainAddress } from '../../core/security/network.ts';

/** Whether an address is one of a list. */
export type AddressList = (address: string) => boolean;

/**
 * Reads addresses and networks in CIDR notation.
 * @throws Error that names the entry which is neither
 */
export function createAddressList(entries: readonly string[]): AddressList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', prefix] = entry.split('/');
    const version = isIP(address);
    const bits = version === 4 ? 32 : 128;
    const length = prefix === undefined ? bits : Number(prefix);
    if (version === 0 || !/^\d*$/.test(prefix ?? '') || prefix === '' || length > bits)
      throw new Error(`"${entry}" is neither an address nor a network such as 10.0.0.0/8`);
    list.addSubnet(address, length, version === 4 ? 'ipv4' : 'ipv6');
  }
  if (entries.length === 0) return () => false;
  return (given) => {
    const address = plainAddress(given);
    const version = isIP(address);
    return version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6');
  };
}
