import { type Clock, systemRandom } from '../../src/index.js';
import { ask } from './key-move.js';
import { RESERVED } from './key-names.js';
import type { Shard } from './shard.js';
import type { ShardSet } from './shard-set.js';

interface SweepHost {
  readonly own: { readonly service: string };
  readonly clock: Clock;
  current(): ShardSet;
}

/** Keys looked at in one step, and how many of them are moved at a time. */
const PAGE = 100;
const AT_A_TIME = 8;
/** How long a client that sweeps holds the others off after its last sign; it gives one with every page. */
const LOCK_MS = 10_000;
const RETRY_MS = 1_000;

/** One client at a time sweeps a shard. */
const LOCK = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

/** Brings all keys of a shard that belong elsewhere now to their owners, page by page, while `going`. */
export async function sweep(
  shard: Shard,
  host: SweepHost,
  going: () => boolean,
  bring: (key: Buffer) => Promise<void>,
): Promise<void> {
  const { service } = host.own;
  const lock = `${RESERVED}handover:${service}`;
  const me = String(sweepers.below(2 ** 30));
  let cursor = '0';
  while (going()) {
    try {
      if (Number(await ask(service, shard, 'eval', [LOCK, '1', lock, me, String(LOCK_MS)])) === 1) {
        const reply = await ask(service, shard, 'scan', [cursor, 'COUNT', String(PAGE)]);
        const [next, keys] = reply as [Buffer | string, Buffer[]];
        await bringAll(
          keys.filter((key) => isForeign(key, shard, host.current())),
          bring,
        );
        cursor = String(next);
        if (cursor === '0') return;
        continue;
      }
    } catch {
      // It does not answer now. Commands that want its keys say so.
    }
    await new Promise<void>((resolve) => void host.clock.after(RETRY_MS, resolve));
  }
}

const sweepers = systemRandom();

async function bringAll(keys: readonly Buffer[], bring: (key: Buffer) => Promise<void>): Promise<void> {
  for (let i = 0; i < keys.length; i += AT_A_TIME) await Promise.all(keys.slice(i, i + AT_A_TIME).map(bring));
}

function isForeign(key: Buffer, shard: Shard, set: ShardSet): boolean {
  return !key.toString('latin1', 0, RESERVED.length).startsWith(RESERVED) && set.shardOf(key).address !== shard.address;
}
