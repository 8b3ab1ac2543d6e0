import type { RedisKey } from '../common/errors.js';
import type { Shard } from '../shards/shard.js';
import { BEGIN_NOTES, LOCK_MS, NOTE_MS, type SweepNames, sweepKeys } from '../shards/sweep-lock.js';
import { askForMove } from './ask-for-move.js';

/** A longer list of tags begins anew: what is not in it is looked for once more. */
const MAX_NOTE_BYTES = 65_536;

/** Keys that one look goes over: it holds up all else at the server. */
const PAGE = 250;

/**
 * The places of the wanted tags that are noted, after what becomes of the others: 0 where another
 * client looks for its own, 1 where this one may. As a sweep, it begins the notes of another ring.
 */
const CLAIM = `
local note = redis.call('GET', KEYS[1])
if note == 'done:' .. ARGV[1] then
  local all = {1}
  for i = 5, #ARGV do all[#all + 1] = i - 5 end
  return all
end${BEGIN_NOTES}
local clean = redis.call('GET', KEYS[3]) or ''
local head = ARGV[1] .. '}'
if string.sub(clean, 1, #head) ~= head then clean = '' end
local reply = {1}
for i = 5, #ARGV do
  if string.find(clean, '}' .. ARGV[i] .. '}', 1, true) then reply[#reply + 1] = i - 5 end
end
if #reply == #ARGV - 3 then return reply end
local holder = redis.call('GET', KEYS[4])
if holder and holder ~= ARGV[2] then reply[1] = 0
else redis.call('SET', KEYS[4], ARGV[2], 'PX', ARGV[3]) end
return reply`;

/** The keys of one page that have one of the tags. Keeps the lock. */
const FIND = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
local wanted = {}
for i = 5, #ARGV do wanted[ARGV[i]] = true end
local page = redis.call('SCAN', ARGV[3], 'COUNT', ARGV[4])
local found = {}
for _, key in ipairs(page[2]) do
  local open = string.find(key, '{', 1, true)
  local close = open and string.find(key, '}', open + 1, true)
  if close and wanted[string.sub(key, open + 1, close - 1)] then found[#found + 1] = key end
end
return {page[1], found}`;

/** Notes the tags behind the ring, each with a closing brace after it, which none has in it. */
const FINISH = `
if redis.call('GET', KEYS[1]) == 'open:' .. ARGV[1] then
  local note = redis.call('GET', KEYS[2]) or ''
  local head = ARGV[1] .. '}'
  if string.sub(note, 1, #head) ~= head or #note > tonumber(ARGV[4]) then note = head end
  for i = 5, #ARGV do note = note .. ARGV[i] .. '}' end
  redis.call('SET', KEYS[2], note, 'PX', ARGV[3])
end
if redis.call('GET', KEYS[3]) == ARGV[2] then redis.call('DEL', KEYS[3]) end
return 1`;

export interface TagClaim {
  /** This client may look for the tags that are not clean; else another one does at the moment. */
  readonly mine: boolean;
  /** Of which it is known that the shard has no key. */
  readonly clean: readonly string[];
}

/**
 * What clients tell each other, at a shard, of tags whose keys belong to others: one client at a
 * time looks for tags there, and notes which it has brought away. The notes count for as long as
 * those of the sweep do. As there, the lock spares work, and protects nothing.
 */
export class TagLock {
  readonly #shard: Shard;
  readonly #own: SweepNames;
  readonly #ring: string;
  readonly #holder: string;

  constructor(shard: Shard, own: SweepNames, ring: string, holder: string) {
    this.#shard = shard;
    this.#own = own;
    this.#ring = ring;
    this.#holder = holder;
  }

  async claim(tags: readonly string[]): Promise<TagClaim> {
    const { note, lock, tags: cleared, tagLock } = sweepKeys(this.#own);
    const keys = [note, lock, cleared, tagLock];
    const args = [this.#ring, this.#holder, String(LOCK_MS), String(NOTE_MS), ...tags.map(bytesOf)];
    const [state, ...clean] = (await this.#script(CLAIM, keys, args)) as unknown[];
    return { mine: Number(state) === 1, clean: clean.map((at) => tags[Number(at)]!) };
  }

  /** Where to go on, '0' at the end, and keys with these tags. */
  async find(cursor: string, tags: readonly string[]): Promise<readonly [cursor: string, keys: readonly Buffer[]]> {
    const args = [this.#holder, String(LOCK_MS), cursor, String(PAGE), ...tags.map(bytesOf)];
    const [next, keys] = (await this.#script(FIND, [sweepKeys(this.#own).tagLock], args)) as [unknown, Buffer[]];
    return [String(next), keys];
  }

  /** The shard has no key of these tags. */
  async finish(tags: readonly string[]): Promise<void> {
    const { note, tags: clean, tagLock } = sweepKeys(this.#own);
    const args = [this.#ring, this.#holder, String(NOTE_MS), String(MAX_NOTE_BYTES), ...tags.map(bytesOf)];
    await this.#script(FINISH, [note, clean, tagLock], args);
  }

  #script(source: string, keys: readonly string[], args: readonly RedisKey[]): Promise<unknown> {
    return askForMove(this.#own.service, this.#shard, 'eval', [source, String(keys.length), ...keys, ...args]);
  }
}

const bytesOf = (tag: string): Buffer => Buffer.from(tag, 'latin1');
