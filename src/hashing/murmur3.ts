import type { RoutingKey } from '../runtime/context.js';
import { mix32 } from '../runtime/hash.js';
import { keyBytes, loadKey } from './key-bytes.js';

/**
 * MurmurHash3_x86_32 (Austin Appleby, public domain, 2011): even, and the fastest of its quality in
 * plain JavaScript for keys of usual length. Not for secrets: a client that chooses the keys can
 * make them collide. Signed: see `Ring.find`.
 */
export function murmur3(key: RoutingKey, seed: number): number {
  const length = loadKey(key);
  return murmur3Bytes(keyBytes, length, seed);
}

export function murmur3Bytes(bytes: Uint8Array, length: number, seed: number): number {
  let hash = seed | 0;
  const whole = length & ~3;
  for (let i = 0; i < whole; i += 4) {
    hash ^= scramble(bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let i = length - 1; i >= whole; i--) tail = (tail << 8) | bytes[i]!;
  if (whole < length) hash ^= scramble(tail);
  return mix32(hash ^ length);
}

function scramble(word: number): number {
  const k = Math.imul(word, 0xcc9e2d51);
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593);
}
