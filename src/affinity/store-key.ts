import type { RoutingKey } from '../runtime/context.js';
import { lazyCrypto } from '../runtime/lazy-modules.js';

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
  if (key.length > LONGEST_KEY) return lazyCrypto().createHash('sha256').update(bytesOf(key)).digest('base64url');
  return typeof key === 'string' ? key : Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}

/**
 * The hash of a session key: what stores and events show of it. Any holder of a session's key may
 * act as its user, so the key itself stays in this process. SHA-256 (of text in UTF-8) in
 * base64url, so that `printf %s "$KEY" | openssl dgst -sha256 -binary | basenc --base64url` finds a
 * session of which the key is known; a key that can be guessed (an address, a user's name) can be
 * guessed from its hash as well. About 1 µs.
 */
export function sessionHash(key: RoutingKey): string {
  return lazyCrypto().createHash('sha256').update(hashedBytesOf(key)).digest('base64url');
}

/** The same for the sessions of a subset: never that of another subset, whatever the keys are. */
export function scopedHash(scope: string, key: RoutingKey): string {
  return lazyCrypto().createHmac('sha256', scope).update(hashedBytesOf(key)).digest('base64url');
}

function hashedBytesOf(key: RoutingKey): Uint8Array {
  if (typeof key !== 'string') return key;
  return LONE_SURROGATE.test(key) ? bytesOf(key) : Buffer.from(key);
}

const LONE_SURROGATE = /\p{Surrogate}/u;

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
