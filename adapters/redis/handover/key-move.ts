import { type RedisKey, shardUnavailable } from '../common/errors.js';
import { ask } from '../shards/ask.js';
import type { Shard } from '../shards/shard.js';

/** How the move of one key ended. */
export type Move =
  /** It is at its new owner, and nowhere else. */
  | { readonly how: 'moved'; readonly bytes: number }
  /** The old owner has nothing by this name. */
  | { readonly how: 'absent' }
  /** The new owner has a value already: it is the newer one, and stays. */
  | { readonly how: 'present' }
  /**
   * Moved, and written at the old owner by somebody who has not heard of the change. That value is
   * left there.
   */
  | { readonly how: 'conflict'; readonly bytes: number }
  /** Above the limit: left where it is. */
  | { readonly how: 'tooLarge' };

/** 1 where the value is this one. */
const SAME = `return redis.call('DUMP', KEYS[1]) == ARGV[1] and 1 or 0`;

/**
 * The value and the time it has left as one, if it is not too large. An estimate of its size will
 * do.
 */
const READ = `
local size = redis.call('MEMORY', 'USAGE', KEYS[1])
if not size then return {} end
if size > tonumber(ARGV[1]) then return {size} end
return {redis.call('DUMP', KEYS[1]), redis.call('PTTL', KEYS[1])}`;

/** Removes what was copied, and nothing that was written since. */
const REMOVE = `
local value = redis.call('DUMP', KEYS[1])
if value and value ~= ARGV[1] then return 0 end
redis.call('UNLINK', KEYS[1])
return 1`;

/**
 * Moves a key with its time to live: copied first and removed then, so that there is always one
 * copy, whatever breaks in between. A value at the new owner is never overwritten. Rejects where
 * one of the two cannot be asked.
 */
export async function moveKey(service: string, key: RedisKey, from: Shard, to: Shard, maxBytes: number): Promise<Move> {
  if (from.readOnly) throw shardUnavailable(service, from.name, 'has no primary, so a key cannot be taken from it');
  const read = (await ask(service, from, 'eval', [READ, '1', key, String(maxBytes)])) as [Buffer | number, number?];
  const [value, ttlMs] = read;
  if (value === undefined) return { how: 'absent' };
  if (ttlMs === undefined) return { how: 'tooLarge' };
  const payload = value as Buffer;
  let present = false;
  try {
    // PTTL says -1 where there is no end, RESTORE wants 0; and 0 in the last millisecond, which
    // must not become no end.
    await ask(service, to, 'restore', [key, String(ttlMs < 0 ? 0 : Math.max(ttlMs, 1)), payload]);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('BUSYKEY'))) throw error;
    // A copy whose original could not be removed, or is about to be by another client: left there
    // it would hide what is newer, should the key come back.
    if (Number(await ask(service, to, 'eval', [SAME, '1', key, payload])) !== 1) return { how: 'present' };
    present = true;
  }
  const removed = await ask(service, from, 'eval', [REMOVE, '1', key, payload]);
  if (Number(removed) !== 1) return { how: 'conflict', bytes: payload.length };
  return present ? { how: 'present' } : { how: 'moved', bytes: payload.length };
}
