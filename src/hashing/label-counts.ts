import { checkWeights } from './weights.js';

/**
 * How other software shares out points, for rings that must agree with it. All assign 40 labels to
 * each of n equal servers where their arithmetic does not lose one:
 * - `none`: 40 labels for the median weight, in proportion for others, whatever else is there, and
 *   at least one. Nothing is lost, and a server that leaves moves no key between those that stay,
 *   while the median stays.
 * - `hashring`: the npm package, in doubles. Loses a label per server at 7, 14, 28, 49, 56 … equal
 *   servers.
 * - `libketama`: last.fm's C library, floats and doubles. At 61, 122, 237 …
 * - `twemproxy`, `libmemcached`: floats throughout. At 25, 47, 50, 55 …
 */
export type KetamaCompatibility = 'none' | 'hashring' | 'libketama' | 'twemproxy' | 'libmemcached';

/**
 * Labels per server for the given weights. `vnodes` is the share of an average server, 40 in
 * Ketama.
 */
export function labelCounts(weights: readonly number[], vnodes: number, compatibility: KetamaCompatibility): number[] {
  checkWeights(weights, 'key ring');
  if (compatibility === 'none') return absoluteCounts(weights, vnodes);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const count = weights.length;
  return weights.map((weight) => roundings[compatibility](weight, total, count, vnodes));
}

type Rounding = (weight: number, total: number, count: number, vnodes: number) => number;

const float = Math.fround;

const inFloats: Rounding = (weight, total, count, vnodes) => {
  // pct * points / 4 * servers + 0.0000000001, every step but the last addition in floats
  // (nc_ketama.c, hosts.cc).
  const share = float(float(weight) / float(total));
  return Math.floor(float(float(float(float(share * float(4 * vnodes)) / 4) * count) + 1e-10));
};

const roundings: Readonly<Record<Exclude<KetamaCompatibility, 'none'>, Rounding>> = {
  hashring: (weight, total, count, vnodes) => Math.floor((weight / total) * vnodes * count),
  libketama: (weight, total, count, vnodes) => Math.floor(float(float(float(weight) / float(total)) * vnodes * count)),
  twemproxy: inFloats,
  libmemcached: inFloats,
};

/**
 * In proportion to the median weight and not to the total: the median stays when servers come and
 * go, the total does not, and every change of scale moves keys between servers that had nothing to
 * do with it.
 */
function absoluteCounts(weights: readonly number[], vnodes: number): number[] {
  if (weights.length === 0) return [];
  const median = medianOf(weights);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let perWeight = vnodes / median;
  // Halved, so that a total near the limit does not change the scale, and move keys, with every
  // server that comes.
  while (perWeight * total > MAX_MEAN_LABELS * vnodes * weights.length) perWeight /= 2;
  return weights.map((weight) => Math.max(1, Math.round(perWeight * weight)));
}

function medianOf(weights: readonly number[]): number {
  const first = weights[0]!;
  // The rule, and for thousands the copy and its sort would cost more than all else here.
  if (weights.every((weight) => weight === first)) return first;
  const sorted = Float64Array.from(weights).sort();
  return sorted[(sorted.length - 1) >> 1]!;
}

/**
 * Labels per server may be this many times `vnodes` on average, or a few thousand servers of a
 * hundred times the median weight would be millions of points, and seconds to hash them. Where
 * weights differ so much, all have fewer.
 */
const MAX_MEAN_LABELS = 4;
