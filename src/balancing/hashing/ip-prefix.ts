import { murmur3, murmur3Bytes } from '../../hashing/murmur3.js';
import type { RoutingKey } from '../../runtime/context.js';
import { maskIp, parseIp, unmapV4, V4_BYTES, V6_BYTES } from '../../runtime/ip-address.js';

const address = new Uint8Array(V6_BYTES);

/**
 * Hashes the network that an address belongs to, so that clients which change their address within
 * it keep their endpoint. Takes text (see `parseIp`) and raw addresses of 4 or 16 bytes; whatever
 * is not an address is hashed as it is. Allocates nothing.
 */
export function hashIp(key: RoutingKey, v4Prefix: number, v6Prefix: number): number {
  const length = typeof key === 'string' ? parseIp(key, address) : copy(key);
  if (length === 0) return murmur3(key, 0);
  maskIp(address, length, length === V4_BYTES ? v4Prefix : v6Prefix);
  return murmur3Bytes(address, length, 0);
}

function copy(key: Uint8Array): number {
  if (key.length !== V4_BYTES && key.length !== V6_BYTES) return 0;
  address.set(key);
  return key.length === V6_BYTES ? unmapV4(address) : V4_BYTES;
}
