import { BlockList, isIP } from 'node:net';
import { optionReaders } from '../../../src/adapter.js';

const { invalidOption } = optionReaders;

/** Some networks: whether an address lies in one of them. */
export class Networks {
  readonly #list = new BlockList();

  constructor(networks: readonly string[], name: string) {
    for (const [i, network] of networks.entries()) {
      const [address = '', prefix, ...rest] = String(network).split('/');
      const version = isIP(address);
      const bits = prefix === undefined ? longest(version) : Number(prefix);
      const fits = /^\d{1,3}$/.test(prefix ?? '0') && bits <= longest(version);
      if (version === 0 || address.includes('%') || !fits || rest.length > 0) {
        throw invalidOption(`${name}[${i}]`, network, "an address or a network, such as '10.0.0.0/8'");
      }
      this.#list.addSubnet(address, bits, version === 4 ? 'ipv4' : 'ipv6');
    }
  }

  /** What is no address is in none. A mapped IPv4 address, `::ffff:10.0.0.1`, is the IPv4 one. */
  has(address: string | undefined): boolean {
    const plain = unmapped(address);
    const version = isIP(plain);
    return version !== 0 && this.#list.check(plain, version === 4 ? 'ipv4' : 'ipv6');
  }
}

const longest = (version: number): number => (version === 4 ? 32 : 128);

/** An address as it is written without the prefix by which dual-stack sockets show IPv4. */
export function unmapped(address: string | undefined): string {
  return address?.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : (address ?? '');
}

/** Networks as an option; undefined where none is given. */
export const networks: optionReaders.Reader<Networks | undefined> = (value, name) => {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return new Networks(value, name);
  throw invalidOption(name, value, "an array of addresses and networks, such as ['10.0.0.0/8']");
};
