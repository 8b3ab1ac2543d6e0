import { createRequire } from 'node:module';
import type HashRing from 'hashring';
import { md5Bytes } from './md5.js';
import type { PointSource } from './ring-builder.js';

/**
 * The points of Ketama (Richard Jones, last.fm, 2007) from the `hashring` package: `id-0`, `id-1`,
 * … each hashed by MD5 to four points.
 *
 * One ring per server, so that the package's share of points per server does not come into play:
 * its arithmetic loses a label at 7, 14, 28, 49 … servers. Its `get()` is never called: it keeps
 * keys in a plain object, where `__proto__` as a key changes Object.prototype for the whole
 * process.
 */
export const ketamaPoints: PointSource = ({ id, labels }) => {
  hashRing ??= createRequire(import.meta.url)('hashring') as typeof HashRing;
  // The package parses server names (host:port, objects by name): it gets a harmless one, and the
  // id goes in here.
  const hash = (label: string): Uint8Array => {
    md5Bytes(id + label.slice(PLACEHOLDER.length), digest);
    return digest;
  };
  const { ring } = new hashRing(PLACEHOLDER, hash as never, { 'vnode count': labels }) as unknown as HashRingInside;
  return Uint32Array.from(ring, (point) => point.value);
};

const PLACEHOLDER = 'server';
const digest = new Uint8Array(16);

/** Loaded when the first ring is built: `import 'fairlead'` does not pay for it. */
let hashRing: typeof HashRing | undefined;

/** Not in the package's types, but the only way to its points. */
interface HashRingInside {
  readonly ring: readonly { readonly value: number }[];
}
