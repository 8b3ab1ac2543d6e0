import type { RoutingKey } from '../runtime/context.js';

/** Keys up to this many bytes are hashed without allocating. */
const SCRATCH_BYTES = 4_096;
/** UTF-8 needs at most 3 bytes for a UTF-16 unit. */
const MAX_BYTES_PER_UNIT = 3;

const scratch = new Uint8Array(SCRATCH_BYTES);

/**
 * The bytes of the key loaded last; only the first `loadKey()` of them count. Read it at once: the
 * next call reuses it.
 */
export let keyBytes: Uint8Array = scratch;

/**
 * Puts a key's bytes into `keyBytes` and returns their number: strings as UTF-8 (a lone surrogate
 * as U+FFFD, as everywhere in Node), binary keys as they are. Allocates only for keys beyond about
 * 1,300 characters or 4,096 bytes.
 */
export function loadKey(key: RoutingKey): number {
  if (typeof key !== 'string') return loadBinary(key);
  const { length } = key;
  if (length * MAX_BYTES_PER_UNIT > SCRATCH_BYTES) return loadLong(key);
  keyBytes = scratch;
  for (let i = 0; i < length; i++) {
    const unit = key.charCodeAt(i);
    if (unit >= 0x80) return loadUtf8(key, i);
    scratch[i] = unit;
  }
  return length;
}

function loadBinary(key: Uint8Array): number {
  // Copied, so that the hash loops see one kind of array: a Buffer would make them slower for all
  // keys.
  keyBytes = key.length <= SCRATCH_BYTES ? scratch : new Uint8Array(key.length);
  keyBytes.set(key);
  return key.length;
}

function loadLong(key: string): number {
  const bytes = Buffer.from(key);
  keyBytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  return bytes.length;
}

/**
 * The rest of a key from its first character that is not ASCII, which stands at the same place in
 * the bytes.
 */
function loadUtf8(key: string, from: number): number {
  let at = from;
  for (let i = from; i < key.length; i++) {
    // Never undefined inside the string; a lone surrogate comes out as itself.
    const code = key.codePointAt(i)!;
    if (code < 0x80) {
      scratch[at++] = code;
    } else if (code < 0x800) {
      scratch[at++] = 0xc0 | (code >> 6);
      scratch[at++] = 0x80 | (code & 0x3f);
    } else if (code < 0x10000) {
      const scalar = code >= 0xd800 && code <= 0xdfff ? 0xfffd : code;
      scratch[at++] = 0xe0 | (scalar >> 12);
      scratch[at++] = 0x80 | ((scalar >> 6) & 0x3f);
      scratch[at++] = 0x80 | (scalar & 0x3f);
    } else {
      scratch[at++] = 0xf0 | (code >> 18);
      scratch[at++] = 0x80 | ((code >> 12) & 0x3f);
      scratch[at++] = 0x80 | ((code >> 6) & 0x3f);
      scratch[at++] = 0x80 | (code & 0x3f);
      i++;
    }
  }
  return at;
}
