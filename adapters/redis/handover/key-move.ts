import { createHash } from 'node:crypto';
import { type RedisKey, shardUnavailable } from '../common/errors.js';
import type { Shard } from '../shards/shard.js';
import { askForMove } from './ask-for-move.js';

/**
 * How the move of one key ended. Except for `tooLarge`, nothing is at the old owner by its name any
 * longer.
 */
export type Move =
  /** It is at its new owner, and nowhere else. */
  | { readonly how: 'moved'; readonly bytes: number }
  /** The old owner has nothing by this name. */
  | { readonly how: 'absent' }
  /**
   * The new owner has a value already: it is the newer one, and stays. The old one was set aside.
   */
  | { readonly how: 'present' }
  /**
   * Moved, and written at the old owner by a client that has not heard of the change. That value
   * was set aside.
   */
  | { readonly how: 'conflict'; readonly bytes: number }
  /** Above the limit: left where it is. */
  | { readonly how: 'tooLarge' };

export interface MoveOptions {
  readonly service: string;
  readonly reservedPrefix: string;
  readonly maxValueBytes: number;
  /** Different for each move of each client, whatever the process. */
  newTicket(): string;
  /**
   * How long a ticket counts, milliseconds: as long as a client that died in the middle of a move
   * holds up the others that need the key. A move takes some round trips.
   */
  readonly ticketMs: number;
  /** Resolves after `ms` milliseconds. */
  pause(ms: number): Promise<void>;
}

/** A move that lasts longer than its ticket begins anew; more often than this it is an error. */
const MAX_TURNS = 4;

/** Between two looks at a key that another client moves; milliseconds, doubled up to the second. */
const WAIT_MS = [5, 100] as const;

/** How long a value is kept that was set aside; milliseconds. */
const ASIDE_MS = 86_400_000;

/**
 * How long it is remembered what was put there; milliseconds. For clients that move the same key at
 * the same time.
 */
const PUT_MS = 10_000;

/**
 * 1: taken. 0: another client has one. A text where the key is there already: what was put there,
 * as far as that is remembered.
 */
const TAKE_TICKET = `
local note = redis.call('GET', KEYS[2]) or ''
local put = string.sub(note, 1, 4) == 'put:'
if redis.call('EXISTS', KEYS[1]) == 1 then return put and string.sub(note, 5) or '' end
if note ~= '' and not put then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1`;

const RETURN_TICKET = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1`;

/**
 * The value and the time it has left as one, if it is not too large. An estimate of its size will
 * do, which a key whose time is over has as well: MEMORY does not look at that.
 */
const READ = `
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
local size = redis.call('MEMORY', 'USAGE', KEYS[1])
if size > tonumber(ARGV[1]) then return {size} end
return {redis.call('DUMP', KEYS[1]), redis.call('PTTL', KEYS[1])}`;

/** Never over a value: written by a client that knows nothing of the move, it is newer. */
const PUT = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
if redis.call('EXISTS', KEYS[1]) == 1 then return 2 end
redis.call('RESTORE', KEYS[1], ARGV[2], ARGV[3])
redis.call('SET', KEYS[2], 'put:' .. ARGV[4], 'PX', ARGV[5])
return 1`;

const SET_ASIDE = `
local function setAside(key, aside, ms)
  redis.call('RENAME', key, aside)
  local left = redis.call('PTTL', aside)
  if left < 0 or left > tonumber(ms) then redis.call('PEXPIRE', aside, ms) end
end`;

/**
 * Removes what was copied. What was written since is set aside. One server compares its own
 * encodings here.
 */
const REMOVE = `${SET_ASIDE}
local value = redis.call('DUMP', KEYS[1])
if not value then return 1 end
if value == ARGV[1] then
  redis.call('UNLINK', KEYS[1])
  return 1
end
setAside(KEYS[1], KEYS[2], ARGV[2])
return 0`;

/** What was copied already is removed, anything else set aside. */
const CLEAR = `${SET_ASIDE}
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if ARGV[2] ~= '' and redis.sha1hex(redis.call('DUMP', KEYS[1])) == ARGV[2] then
  redis.call('UNLINK', KEYS[1])
  return 1
end
setAside(KEYS[1], KEYS[2], ARGV[1])
return 1`;

/**
 * Moves a key with its time to live. Rejects where one of the two cannot be asked.
 *
 * ## Steps
 *
 * 1. A ticket is taken at the new owner, in the key's name. Where the key is there already, it is
 *    what counts: go to 5. Where another client has the ticket, it is waited for.
 * 2. The value is read at the old owner.
 * 3. It is put at the new owner, if the ticket still counts. Else it begins anew: another client
 *    may have moved the key since, and what was read may be out of date.
 * 4. It is removed from the old owner, unless it was written meanwhile.
 * 5. What is at the old owner and must not be found there again is set aside, under
 *    `fl:aside:<key>` for a day; what another client has just copied is removed.
 *
 * ## Whatever breaks in between
 *
 * Up to 3 nothing has changed for any reader or writer. Between 3 and 4 both owners have the key,
 * and the next client that needs it finds it at the new one and clears the copy away (1, 5): values
 * of two servers need not be compared, whose encodings of one value differ. A client that is held
 * up between 2 and 3 cannot bring back what others have changed or deleted since: its ticket does
 * not count any longer.
 */
export async function moveKey(key: RedisKey, from: Shard, to: Shard, options: MoveOptions): Promise<Move> {
  const { service } = options;
  if (from.readOnly) throw shardUnavailable(service, from.name, 'has no primary, so a key cannot be taken from it');
  if (Number(await askForMove(service, from, 'exists', [key])) === 0) return { how: 'absent' };
  const move = new KeyMove(key, from, to, options);
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    const how = await move.run();
    if (how !== undefined) return how;
  }
  throw shardUnavailable(service, from.name, 'or the new owner of a key is too slow to hand it over');
}

class KeyMove {
  readonly #key: RedisKey;
  readonly #from: Shard;
  readonly #to: Shard;
  readonly #options: MoveOptions;

  constructor(key: RedisKey, from: Shard, to: Shard, options: MoveOptions) {
    this.#key = key;
    this.#from = from;
    this.#to = to;
    this.#options = options;
  }

  /** Undefined where the ticket did not count any longer. */
  async run(): Promise<Move | undefined> {
    const ticket = this.#options.newTicket();
    const copied = await this.#takeTicket(ticket);
    if (copied !== undefined) return await this.#clear(copied);
    const move = await this.#copy(ticket).catch((error: unknown) => {
      this.#returnTicket(ticket);
      throw error;
    });
    if (move === 'late') return undefined;
    if (move === 'there') return await this.#clear('');
    if (!('bytes' in move)) this.#returnTicket(ticket);
    return move;
  }

  /** Undefined once it is taken; where the key is there already, what is known of the copy. */
  async #takeTicket(ticket: string): Promise<string | undefined> {
    const keys = [this.#key, this.#note];
    let [waitMs, maxMs]: readonly [number, number] = WAIT_MS;
    for (;;) {
      const reply = await this.#script(this.#to, TAKE_TICKET, keys, ticket, String(this.#options.ticketMs));
      if (Buffer.isBuffer(reply)) return reply.toString();
      // A text with the option `stringNumbers`.
      if (Number(reply) === 1) return undefined;
      await this.#options.pause(waitMs);
      waitMs = Math.min(waitMs * 2, maxMs);
    }
  }

  async #copy(ticket: string): Promise<Move | 'late' | 'there'> {
    const read = await this.#script(this.#from, READ, [this.#key], String(this.#options.maxValueBytes));
    const [value, ttlMs] = read as [Buffer | number, number?];
    if (value === undefined) return { how: 'absent' };
    if (ttlMs === undefined) return { how: 'tooLarge' };
    const payload = value as Buffer;
    // PTTL returns -1 where there is no end, RESTORE wants 0; and 0 in the last millisecond, which
    // must not become no end.
    const ttl = String(Number(ttlMs) < 0 ? 0 : Math.max(Number(ttlMs), 1));
    const digest = createHash('sha1').update(payload).digest('hex');
    const args = [ticket, ttl, payload, digest, String(PUT_MS)];
    const put = Number(await this.#script(this.#to, PUT, [this.#key, this.#note], ...args));
    if (put !== 1) return put === 2 ? 'there' : 'late';
    const keys = [this.#key, this.#aside];
    const removed = Number(await this.#script(this.#from, REMOVE, keys, payload, String(ASIDE_MS)));
    return { how: removed === 1 ? 'moved' : 'conflict', bytes: payload.length };
  }

  /** `copied`: a digest of what was put at the new owner; '' where that is not known. */
  async #clear(copied: string): Promise<Move> {
    const keys = [this.#key, this.#aside];
    const cleared = Number(await this.#script(this.#from, CLEAR, keys, String(ASIDE_MS), copied));
    return { how: cleared === 1 ? 'present' : 'absent' };
  }

  /** Others need not wait until it is out of date. */
  #returnTicket(ticket: string): void {
    this.#script(this.#to, RETURN_TICKET, [this.#note], ticket).catch(() => {});
  }

  get #note(): RedisKey {
    return within(`${this.#options.reservedPrefix}move:`, this.#key);
  }

  get #aside(): RedisKey {
    return within(`${this.#options.reservedPrefix}aside:`, this.#key);
  }

  #script(shard: Shard, source: string, keys: readonly RedisKey[], ...args: readonly RedisKey[]): Promise<unknown> {
    return askForMove(this.#options.service, shard, 'eval', [source, String(keys.length), ...keys, ...args]);
  }
}

function within(prefix: string, key: RedisKey): RedisKey {
  return typeof key === 'string' ? prefix + key : Buffer.concat([Buffer.from(prefix), key]);
}
