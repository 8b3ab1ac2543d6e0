import { createHash } from 'node:crypto';
import type { RoutingKey } from '../runtime/context.js';

/**
 * Longer keys are kept as their SHA-256, so that a table of a million sessions cannot hold a
 * gigabyte of keys.
 */
const LONGEST_KEY = 128;

/**
 * The key as stores know it. Bytes become Latin-1, one character per byte, so that different keys
 * stay different.
 */
export function storeKey(key: RoutingKey): string {
  if (key.length > LONGEST_KEY) return createHash('sha256').update(bytesOf(key)).digest('base64url');
  return typeof key === 'string' ? key : Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}

/**
 * UTF-16 keeps lone surrogates apart, which UTF-8 would all turn into the same replacement
 * character.
 */
function bytesOf(key: RoutingKey): Uint8Array {
  return typeof key === 'string' ? Buffer.from(key, 'utf16le') : key;
}

/**
 * A copy that holds on to nothing else. A key cut out of a header keeps the whole header in memory,
 * and one that was put together from pieces keeps the pieces: 540 bytes for the 36 characters of
 * `crypto.randomUUID()`.
 */
export function compact(key: string): string {
  const narrow = Buffer.from(key, 'latin1').toString('latin1');
  return narrow === key ? narrow : Buffer.from(key, 'utf16le').toString('utf16le');
}
