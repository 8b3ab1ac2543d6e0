/**
 * The part of a key that decides its shard, as in Redis Cluster: what stands between the first `{` and the first `}`
 * after it, if that is not empty; else the whole key.
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
 */
export function hashedPart(key: string | Buffer): string | Buffer {
  const open = key.indexOf('{');
  if (open === -1) return key;
  const close = key.indexOf('}', open + 1);
  if (close === -1 || close === open + 1) return key;
  return typeof key === 'string' ? key.slice(open + 1, close) : key.subarray(open + 1, close);
}
