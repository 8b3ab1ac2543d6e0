/**
 * Jump consistent hash (Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm",
 * 2014), as published: the yardstick for evenness and movement. No policy of ours, as it can only
 * take servers from the end of a list.
 */
export function jump(key: bigint, buckets: number): number {
  let state = key;
  let last = -1;
  let next = 0;
  while (next < buckets) {
    last = next;
    state = (state * 2_862_933_555_777_941_757n + 1n) & 0xffff_ffff_ffff_ffffn;
    next = Math.floor((last + 1) * (2 ** 31 / (Number(state >> 33n) + 1)));
  }
  return last;
}
