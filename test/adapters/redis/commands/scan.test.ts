import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sendScan } from '../../../../adapters/redis/commands/scan.js';
import { Command } from '../../../../adapters/redis/driver/driver.js';
import type { Target } from '../../../../adapters/redis/shards/shard.js';
import type { ShardSet } from '../../../../adapters/redis/shards/shard-set.js';

/** A shard that gives its keys in pages of two; its cursors are as large as those of Redis. */
function shardOf(ordinal: number, keys: readonly string[]): Target {
  const send = (command: Command): void => {
    const at = Number(BigInt(String(command.args[0])) / LARGE);
    const next = at + 2 < keys.length ? String(BigInt(at + 2) * LARGE) : '0';
    command.resolve([Buffer.from(next), keys.slice(at, at + 2).map((key) => Buffer.from(key))] as never);
  };
  return { name: `s${ordinal}`, shard: { ordinal }, send } as unknown as Target;
}

const LARGE = 2n ** 40n;

async function page(cursor: string, shards: readonly Target[]): Promise<[string, string[]]> {
  const command = new Command('scan', [cursor] as never, { replyEncoding: 'utf8' } as never);
  sendScan(command, { everyone: shards } as unknown as ShardSet);
  return (await command.promise) as [string, string[]];
}

describe('a scan over shards that come and go', () => {
  it('ends, and gives every key of the shards that stay, each once', async () => {
    const layout = fc.record({
      /** Keys per shard. */
      sizes: fc.array(fc.nat(7), { minLength: 1, maxLength: 5 }),
      /** For each step, which shards are there; the last ones stay so. */
      present: fc.array(fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), { minLength: 1, maxLength: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(layout, async ({ sizes, present }) => {
        const all = sizes.map((size, i) =>
          shardOf(
            i,
            Array.from({ length: size }, (_, j) => `${i}:${j}`),
          ),
        );
        const at = (step: number): Target[] => {
          const there = all.filter((_, i) => present[Math.min(step, present.length - 1)]![i]);
          return there.length > 0 ? there : [all[0]!];
        };
        const found: string[] = [];
        let cursor = '0';
        let steps = 0;
        do {
          const [next, keys] = await page(cursor, at(steps++));
          found.push(...keys);
          cursor = next;
        } while (cursor !== '0' && steps < 200);
        expect(steps).toBeLessThan(200);
        const stayed = all.filter((shard) =>
          Array.from({ length: steps }, (_, step) => at(step)).every((some) => some.includes(shard)),
        );
        for (const { shard } of stayed) {
          const own = found.filter((key) => key.startsWith(`${shard.ordinal}:`));
          expect(own).toEqual(Array.from({ length: sizes[shard.ordinal]! }, (_, j) => `${shard.ordinal}:${j}`));
        }
      }),
    );
  });

  it('fails where a server answers with nonsense', async () => {
    const nonsense = { name: 's', shard: { ordinal: 0 }, send: (command: Command) => command.resolve(null as never) };
    await expect(page('0', [nonsense as unknown as Target])).rejects.toThrow(TypeError);
  });
});
