/**
 * A hash of a string for spreading, never for secrets: FNV-1a over UTF-16 units (Fowler, Noll, Vo;
 * RFC 9923 describes it), then the finalizer of MurmurHash3 (Appleby), without which similar
 * strings stay neighbours. 0 to 2^32 - 1. Allocates nothing.
 */
export function hash32(text: string, seed = 0): number {
  let hash = FNV_OFFSET ^ seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return finish(hash);
}

/** The same over bytes. */
export function hashBytes32(bytes: Uint8Array, seed = 0): number {
  let hash = FNV_OFFSET ^ seed;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, FNV_PRIME);
  return finish(hash);
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

function finish(hash: number): number {
  return mix32(hash) >>> 0;
}

/**
 * Murmur3's finaliser: every bit of the input changes half of the output's. A bijection of 32-bit
 * numbers.
 */
export function mix32(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
