import type { Random } from '../../../src/index.js';
import type { ShardedSettings } from '../common/options.js';
import { rawCommand } from '../driver/driver.js';
import { ask } from './ask.js';
import type { Shard } from './shard.js';

/** How long a client that sweeps holds the others off after its last sign; milliseconds. */
export const LOCK_MS = 3_000;

/**
 * How long it is noted how far a sweep has come; milliseconds. Afterwards the next sweep looks
 * again.
 */
export const NOTE_MS = 86_400_000;

/**
 * - `done`: the shard was swept for this ring, by any client.
 * - `mine`: this client sweeps it.
 * - `taken`: another client does.
 */
export type Claim = 'done' | 'mine' | 'taken';

/** What the names of notes are made of. */
export type SweepNames = Pick<ShardedSettings, 'service' | 'reservedPrefix'>;

/** The names of what is noted at a shard. */
export interface SweepKeys {
  readonly note: string;
  readonly lock: string;
  /** Of tags of which the shard has no key left, and who looks for some. */
  readonly tags: string;
  readonly tagLock: string;
}

export function sweepKeys({ service, reservedPrefix }: SweepNames): SweepKeys {
  const [note, tags] = [`${reservedPrefix}sweep:${service}`, `${reservedPrefix}tags:${service}`];
  return { note, lock: `${note}:lock`, tags, tagLock: `${tags}:lock` };
}

/** What a client calls itself at the servers. */
export const holderName = (random: Random): string =>
  `${random.below(2 ** 30).toString(36)}${random.below(2 ** 30).toString(36)}`;

/**
 * Begins the notes of a ring: what is noted for another is of no use any longer, and neither are
 * the locks. KEYS are those of `SweepKeys` in their order, `note` is what the first one holds.
 */
export const BEGIN_NOTES = `
if note ~= 'open:' .. ARGV[1] then
  redis.call('SET', KEYS[1], 'open:' .. ARGV[1], 'PX', ARGV[4])
  for i = 2, 4 do redis.call('DEL', KEYS[i]) end
end`;

const CLAIM = `
local note = redis.call('GET', KEYS[1])
if note == 'done:' .. ARGV[1] then return 2 end${BEGIN_NOTES}
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1`;

const FINISH = `
if redis.call('GET', KEYS[1]) == 'open:' .. ARGV[1] then
  redis.call('SET', KEYS[1], 'done:' .. ARGV[1], 'PX', ARGV[3])
end
if redis.call('GET', KEYS[2]) == ARGV[2] then redis.call('DEL', KEYS[2]) end
return 1`;

const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1`;

/**
 * One client at a time sweeps a shard, and all hear when it is swept. Two keys at the server: a
 * note of the ring that the sweep is for, and the lock of the client that sweeps, which it renews
 * as long as it does. It spares the server work; nothing goes wrong where two clients sweep at a
 * time.
 */
export class SweepLock {
  readonly #shard: Shard;
  readonly #own: SweepNames;
  readonly #ring: string;
  readonly #holder: string;

  /**
   * `ring`: a digest of what the keys are compared with. `holder`: the client, the same for all
   * that it sweeps.
   */
  constructor(shard: Shard, own: SweepNames, ring: string, holder: string) {
    this.#shard = shard;
    this.#own = own;
    this.#ring = ring;
    this.#holder = holder;
  }

  /** Takes the lock, renews it, or returns why not. */
  async claim(): Promise<Claim> {
    const { note, lock, tags, tagLock } = sweepKeys(this.#own);
    const keys = [note, lock, tags, tagLock];
    const args = [this.#ring, this.#holder, String(LOCK_MS), String(NOTE_MS)];
    const reply = Number(await ask(this.#own.service, this.#shard, 'eval', [CLAIM, '4', ...keys, ...args]));
    return reply === 2 ? 'done' : reply === 1 ? 'mine' : 'taken';
  }

  /** Nothing is left to do here, for any client. */
  async finish(): Promise<void> {
    const args = [this.#ring, this.#holder, String(NOTE_MS)];
    const { note, lock } = sweepKeys(this.#own);
    await ask(this.#own.service, this.#shard, 'eval', [FINISH, '2', note, lock, ...args]);
  }

  /**
   * Releases the lock, if the shard can be reached. Sends at once: the connection may be about to
   * close.
   */
  release(): void {
    if (this.#shard.refusal() !== undefined) return;
    const command = rawCommand('eval', [RELEASE, '1', sweepKeys(this.#own).lock, this.#holder]);
    command.promise.catch(() => {});
    this.#shard.issue(command);
  }
}
