import { KeyRing } from '../hashing/key-ring.js';
import { fields, integer } from '../runtime/options.js';
import { definePolicy, type PolicyFactory } from './factory.js';
import { boundedLoad, maxLoadRatioReader } from './hashing/bounded-load.js';
import { createHashPicker } from './hashing/hash-picker.js';
import { hashIp } from './hashing/ip-prefix.js';
import { RingTableBuilder } from './hashing/ring-table.js';
import type { Policy } from './policy.js';

export interface IpHashOptions {
  /**
   * Leading bits of an IPv4 address that count. Default 32, each address by itself; nginx's
   * `ip_hash` has 24. 1 to 32.
   */
  readonly ipv4Prefix?: number;
  /** Leading bits of an IPv6 address that count. Default 64, one subscriber's network. 1 to 128. */
  readonly ipv6Prefix?: number;
  /** Bounded loads, as for `consistent_hash`. Default: no bound. */
  readonly maxLoadRatio?: number;
}

const readIpHash = fields<Settings>({
  ipv4Prefix: integer(32, 1, 32),
  ipv6Prefix: integer(64, 1, 128),
  maxLoadRatio: maxLoadRatioReader,
});

/**
 * The client's address decides, given as the call's key (`socket.remoteAddress`, or its bytes). An
 * IPv4 client keeps its endpoint when a dual-stack socket shows it as `::ffff:a.b.c.d`, an IPv6
 * client when it changes its address within its network. A key that is not an address is hashed as
 * it is; calls without a key go to a random endpoint by weight.
 *
 * Placement is that of `consistent_hash` with murmur3. Cost: 0.1 µs at any size.
 */
export const ipHash: PolicyFactory<IpHashOptions> = definePolicy(
  'ip_hash',
  (options): Policy => {
    const { ipv4Prefix, ipv6Prefix, maxLoadRatio } = readIpHash(options, 'ip_hash');
    return {
      name: 'ip_hash',
      needsLatency: false,
      usesKey: true,
      create: ({ random, clock, built }) =>
        createHashPicker({
          random,
          clock,
          built,
          hash: (key) => hashIp(key, ipv4Prefix, ipv6Prefix),
          table: new RingTableBuilder(new KeyRing({ hash: 'murmur3' })),
          bound: boundedLoad(maxLoadRatio),
        }),
    };
  },
  readIpHash,
);

interface Settings {
  readonly ipv4Prefix: number;
  readonly ipv6Prefix: number;
  readonly maxLoadRatio: number | undefined;
}
