import type HashRing from 'hashring';
import { requirePackage } from '../runtime/lazy-modules.js';
import { keyBytes, loadKey } from './key-bytes.js';
import { md5Bytes, md5Words } from './md5.js';
import type { PointSource } from './ring-builder.js';

/**
 * The points of Ketama (Richard Jones, last.fm, 2007): `id-0`, `id-1`, … each hashed by MD5 to four
 * points, the words of the digest. 0.2 µs a label; the id's bytes are put down once.
 */
export const ketamaPoints: PointSource = ({ id, labels }) => {
  const points = new Uint32Array(labels * POINTS_PER_LABEL);
  let length = loadKey(id);
  let bytes = keyBytes;
  if (length + MAX_SUFFIX > bytes.length) {
    bytes = new Uint8Array(length + MAX_SUFFIX);
    bytes.set(keyBytes.subarray(0, length));
  }
  bytes[length++] = DASH;
  for (let label = 0; label < labels; label++) {
    md5Words(bytes, putDecimal(bytes, length, label), points, label * POINTS_PER_LABEL);
  }
  return points;
};

/**
 * The same from the `hashring` package, whose placement `compatibility: 'hashring'` promises.
 *
 * One ring per server, so that the package's share of points per server does not come into play:
 * its arithmetic loses a label at 7, 14, 28, 49 … servers. Its `get()` is never called: it keeps
 * keys in a plain object, where `__proto__` as a key changes Object.prototype for the whole
 * process.
 */
export const hashringPoints: PointSource = ({ id, labels }) => {
  hashRing ??= requirePackage<typeof HashRing>('hashring');
  // The package parses server names (host:port, objects by name): it gets a harmless one, and the
  // id goes in here.
  const hash = (label: string): Uint8Array => {
    md5Bytes(id + label.slice(PLACEHOLDER.length), digest);
    return digest;
  };
  const { ring } = new hashRing(PLACEHOLDER, hash as never, { 'vnode count': labels }) as unknown as HashRingInside;
  return Uint32Array.from(ring, (point) => point.value);
};

const POINTS_PER_LABEL = 4;
const DASH = 0x2d;
const ZERO = 0x30;
/** A dash and the digits of 2^32. */
const MAX_SUFFIX = 11;

/** Writes the digits of a whole number; returns where they end. */
function putDecimal(bytes: Uint8Array, at: number, value: number): number {
  let end = at + 1;
  for (let rest = value; rest >= 10; rest = (rest / 10) | 0) end++;
  let rest = value;
  for (let to = end - 1; to >= at; to--) {
    bytes[to] = ZERO + (rest % 10);
    rest = (rest / 10) | 0;
  }
  return end;
}

const PLACEHOLDER = 'server';
const digest = new Uint8Array(16);

/** Loaded when the first such ring is built: `import 'fairlead'` does not pay for it. */
let hashRing: typeof HashRing | undefined;

/** Not in the package's types, but the only way to its points. */
interface HashRingInside {
  readonly ring: readonly { readonly value: number }[];
}
