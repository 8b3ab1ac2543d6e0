import type { Clock, Random } from '../../../src/index.js';
import { RESERVED } from '../common/reserved.js';
import { ask } from './ask.js';
import type { Shard } from './shard.js';

/** What it needs of its client. */
export interface SweepHost {
  readonly own: { readonly service: string };
  readonly clock: Clock;
  readonly random: Random;
}

/** Keys looked at in one step. */
const PAGE = 100;
/**
 * How long a client that sweeps holds the others off after its last sign; it gives one with every
 * page.
 */
const LOCK_MS = 10_000;
const RETRY_MS = 1_000;

/** One client at a time sweeps a shard. */
const LOCK = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

/**
 * Shows all keys of a shard, page by page, while `going`. One client at a time does so for a shard.
 */
export async function sweep(
  shard: Shard,
  host: SweepHost,
  going: () => boolean,
  visit: (keys: readonly Buffer[]) => Promise<void>,
): Promise<void> {
  const { service } = host.own;
  const lock = `${RESERVED}handover:${service}`;
  const me = String(host.random.below(2 ** 30));
  let cursor = '0';
  while (going()) {
    try {
      if (Number(await ask(service, shard, 'eval', [LOCK, '1', lock, me, String(LOCK_MS)])) === 1) {
        const reply = await ask(service, shard, 'scan', [cursor, 'COUNT', String(PAGE)]);
        const [next, keys] = reply as [Buffer | string, Buffer[]];
        await visit(keys);
        cursor = String(next);
        if (cursor === '0') return;
        continue;
      }
    } catch {
      // It does not answer now. Who needs it to says so elsewhere.
    }
    await new Promise<void>((resolve) => void host.clock.after(RETRY_MS, resolve));
  }
}
