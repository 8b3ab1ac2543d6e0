import { ManualClock } from 'fairlead/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Subscriptions } from '../../../../adapters/redis/commands/subscriptions.js';
import { ownCommand } from '../../../../adapters/redis/driver/driver.js';
import type { ShardSet } from '../../../../adapters/redis/shards/shard-set.js';
import { ScriptedShard, setOf } from './scripted-shards.js';

/** Longer than any retry, any look and any time limit of the subscriptions together. */
const BOUND_MS = 6_000;

class Bench {
  readonly clock = new ManualClock();
  readonly shards = new Map<string, ScriptedShard>();
  readonly errors: string[] = [];
  readonly heard: unknown[][] = [];
  readonly subscriptions = new Subscriptions({
    clock: this.clock,
    timeoutMs: 2_000,
    stringNumbers: false,
    isReady: () => this.ready,
    emit: (event, ...args) => void this.heard.push([event, ...args.map(String)]),
    listens: () => true,
    error: (error) => void this.errors.push(error.message),
  });
  set: ShardSet = setOf(0, []);
  ready = true;
  #generation = 0;

  shard(name: string): ScriptedShard {
    const shard = this.shards.get(name) ?? new ScriptedShard(name, this.clock);
    this.shards.set(name, shard);
    return shard;
  }

  /** What discovery lists from now on. */
  topology(...names: readonly string[]): void {
    this.set = setOf(
      ++this.#generation,
      names.map((name) => this.shard(name)),
    );
    this.subscriptions.follow(this.set);
  }

  run(name: string, ...channels: readonly string[]): Promise<unknown> {
    const command = ownCommand(name, channels);
    const settled = command.promise.catch((error: Error) => error.message);
    this.subscriptions.handle(command, name, this.set);
    return settled;
  }

  /** What each shard of the topology holds, by the ring. */
  expected(channels: readonly string[], patterns: readonly string[]): Record<string, string[]> {
    const held: Record<string, string[]> = {};
    for (const name of this.shards.keys()) held[name] = [];
    for (const channel of channels) held[this.set.ownerOf(channel).name]!.push(`subscribe ${channel}`);
    for (const { name } of this.set.shards) held[name]!.push(...patterns.map((pattern) => `psubscribe ${pattern}`));
    for (const names of Object.values(held)) names.sort();
    return held;
  }

  get held(): Record<string, string[]> {
    return Object.fromEntries([...this.shards].map(([name, { held }]) => [name, held]));
  }
}

const CHANNELS = Array.from({ length: 12 }, (_, i) => `c${i}`);

describe('subscriptions', () => {
  it('are held by the owners of their channels, and patterns by all; counted as Redis counts them', async () => {
    const bench = new Bench();
    bench.topology('a', 'b', 'c');
    const counts = [
      bench.run('subscribe', 'c0', 'c1', 'c1'),
      bench.run('subscribe', 'c2'),
      bench.run('psubscribe', 'c*'),
      bench.run('ssubscribe', 's'),
      bench.run('unsubscribe', 'c0'),
      bench.run('unsubscribe', 'unknown'),
    ];
    await bench.clock.advanceAsync(100);
    expect(await Promise.all(counts)).toEqual([2, 3, 4, 1, 3, 3]);
    expect(bench.held).toEqual({
      ...bench.expected(['c1', 'c2'], ['c*']),
      [bench.set.ownerOf('s').name]: [
        ...bench.expected(['c1', 'c2'], ['c*'])[bench.set.ownerOf('s').name]!,
        'ssubscribe s',
      ].sort(),
    });
    const left = bench.run('unsubscribe');
    await bench.clock.advanceAsync(100);
    expect(await left).toBe(1);
    expect(await bench.run('unsubscribe')).toBe(1);
  });

  it('are answered once the client is ready, as with ioredis, and held before', async () => {
    const bench = new Bench();
    bench.ready = false;
    bench.topology('a', 'b');
    const joined = bench.run('subscribe', 'c0');
    let answered = false;
    void joined.then(() => {
      answered = true;
    });
    await bench.clock.advanceAsync(100);
    expect(bench.held).toEqual(bench.expected(['c0'], []));
    expect(answered).toBe(false);
    bench.ready = true;
    bench.subscriptions.ready();
    expect(await joined).toBe(1);
  });

  it('follow changes that come within milliseconds', async () => {
    const bench = new Bench();
    bench.topology('a', 'b', 'c');
    void bench.run('subscribe', ...CHANNELS);
    await bench.clock.advanceAsync(100);
    bench.topology('a', 'b', 'c', 'd');
    await bench.clock.advanceAsync(1);
    bench.topology('b', 'c', 'd');
    await bench.clock.advanceAsync(3);
    bench.topology('b', 'd', 'e');
    await bench.clock.advanceAsync(1);
    bench.topology('a', 'b', 'd', 'e');
    await bench.clock.advanceAsync(BOUND_MS);
    expect(bench.held).toEqual(bench.expected(CHANNELS, []));
  });

  it('reach a new owner that could not be reached at the change, and stay with the old one until then', async () => {
    const bench = new Bench();
    bench.topology('a', 'b');
    void bench.run('subscribe', ...CHANNELS);
    await bench.clock.advanceAsync(100);
    const before = bench.held;
    bench.shard('c').kill();
    bench.topology('a', 'b', 'c');
    await bench.clock.advanceAsync(60_000);
    expect(bench.held).toEqual({ ...before, c: [] });
    bench.shard('c').mend();
    await bench.clock.advanceAsync(BOUND_MS);
    expect(bench.held).toEqual(bench.expected(CHANNELS, []));
  });

  it('leave an owner that hangs, without waiting for it', async () => {
    const bench = new Bench();
    bench.topology('a', 'b');
    void bench.run('subscribe', ...CHANNELS);
    await bench.clock.advanceAsync(100);
    bench.shard('a').hang();
    bench.topology('b', 'c');
    await bench.clock.advanceAsync(200);
    const { b, c } = bench.expected(CHANNELS, []);
    expect(bench.shard('b').held).toEqual(b);
    expect(bench.shard('c').held).toEqual(c);
    bench.shard('a').mend();
    await bench.clock.advanceAsync(BOUND_MS);
    expect(bench.shard('a').held).toEqual([]);
  });

  it('get another connection where a server stopped answering', async () => {
    const bench = new Bench();
    bench.topology('a');
    void bench.run('subscribe', 'c0');
    await bench.clock.advanceAsync(100);
    bench.shard('a').hang();
    await bench.clock.advanceAsync(5_000);
    bench.shard('a').mend();
    await bench.clock.advanceAsync(BOUND_MS);
    expect(bench.shard('a').held).toEqual(['subscribe c0']);
    expect(bench.shard('a').connections.size).toBe(1);
  });

  describe('with a shard down', () => {
    it('SUBSCRIBE of a channel of its is refused as a whole, and nothing is sent', async () => {
      const bench = new Bench();
      bench.topology('a', 'b', 'c');
      const down = bench.shard('b');
      down.kill();
      down.state = 'down';
      expect(await bench.run('subscribe', ...CHANNELS)).toBe('b is down');
      await bench.clock.advanceAsync(BOUND_MS);
      expect(bench.held).toEqual({ a: [], b: [], c: [] });
      expect(bench.subscriptions.active).toBe(false);
    });

    it('one that waits for it fails when it goes down, and takes back what the others had agreed to', async () => {
      const bench = new Bench();
      bench.topology('a', 'b', 'c');
      bench.shard('b').kill();
      const settled = bench.run('subscribe', ...CHANNELS);
      await bench.clock.advanceAsync(100);
      expect(bench.shard('a').held.length).toBeGreaterThan(0);
      bench.shard('b').state = 'down';
      bench.subscriptions.follow(bench.set);
      expect(await settled).toBe('b is down');
      await bench.clock.advanceAsync(100);
      expect(bench.held).toEqual({ a: [], b: [], c: [] });
    });

    it('PSUBSCRIBE succeeds with the others, and reaches it when it is back', async () => {
      const bench = new Bench();
      bench.topology('a', 'b', 'c');
      const down = bench.shard('b');
      down.kill();
      down.state = 'down';
      const settled = bench.run('psubscribe', 'c*');
      await bench.clock.advanceAsync(100);
      expect(await settled).toBe(1);
      expect(bench.held).toEqual({ a: ['psubscribe c*'], b: [], c: ['psubscribe c*'] });
      down.mend();
      down.state = 'up';
      await bench.clock.advanceAsync(BOUND_MS);
      expect(bench.held).toEqual(bench.expected([], ['c*']));
      for (const shard of bench.shards.values()) shard.state = 'down';
      expect(await bench.run('psubscribe', 'd*')).toBe('a is down');
    });
  });

  it('refused by the server, one fails alone; one that was granted before is asked for again', async () => {
    const bench = new Bench();
    bench.topology('a', 'b');
    bench.shard('a').refuses = (name) => name === 'secret';
    bench.shard('b').refuses = (name) => name === 'secret';
    const settled = [bench.run('subscribe', ...CHANNELS), bench.run('subscribe', 'secret')];
    await bench.clock.advanceAsync(200);
    expect(await Promise.all(settled)).toEqual([12, 'NOPERM']);
    expect(bench.held).toEqual(bench.expected(CHANNELS, []));
    bench.shard('c').refuses = (name) => name === 'c1' || name === 'c2' || name === 'c3' || name === 'c4';
    bench.topology('c');
    await bench.clock.advanceAsync(BOUND_MS);
    expect(bench.errors).toHaveLength(4);
    expect(bench.shard('c').held).toHaveLength(8);
    bench.shard('c').mend();
    await bench.clock.advanceAsync(2 * BOUND_MS);
    expect(bench.held).toEqual(bench.expected(CHANNELS, []));
  });

  it('a command that is not answered in time fails, and leaves nothing behind', async () => {
    const bench = new Bench();
    bench.topology('a');
    bench.shard('a').kill();
    const settled = bench.run('subscribe', 'c0');
    await bench.clock.advanceAsync(2_000);
    expect(await settled).toBe('Command timed out');
    bench.shard('a').mend();
    await bench.clock.advanceAsync(BOUND_MS);
    expect(bench.held).toEqual({ a: [] });
  });

  it('end with the client, and leave no timer', async () => {
    const bench = new Bench();
    bench.topology('a', 'b');
    void bench.run('subscribe', ...CHANNELS);
    await bench.clock.advanceAsync(100);
    bench.shard('b').kill();
    const waiting = bench.run('subscribe', ...CHANNELS.map((name) => `${name}x`));
    bench.subscriptions.close();
    expect(await waiting).toBe('Connection is closed.');
    await bench.clock.advanceAsync(COMMANDS_MS);
    expect(bench.held).toEqual({ a: [], b: [] });
    expect(bench.clock.pending).toBe(0);
  });

  it('are where they belong after any history', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        const bench = new Bench();
        bench.topology('a', 'b', 'c');
        const asked: { joining: boolean; kind: string; names: readonly string[]; settled: Promise<unknown> }[] = [];
        for (const each of steps) {
          if (each.do === 'topology') bench.topology(...each.names);
          else if (each.do === 'fault') bench.shard(each.name)[each.how]();
          else if (each.do === 'state') {
            bench.shard(each.name).state = each.state;
            bench.subscriptions.follow(bench.set);
          } else {
            const settled = bench.run(each.command, ...each.names);
            const joining = !each.command.includes('un');
            asked.push({ joining, kind: each.command.replace('un', ''), names: each.names, settled });
          }
          await bench.clock.advanceAsync(each.thenMs);
        }
        for (const shard of bench.shards.values()) {
          shard.mend();
          shard.state = 'up';
        }
        bench.subscriptions.follow(bench.set);
        await bench.clock.advanceAsync(BOUND_MS);
        const wanted = { subscribe: new Set<string>(), psubscribe: new Set<string>() };
        for (const { joining, kind, names, settled } of asked) {
          const accepted = typeof (await settled) === 'number';
          for (const name of names) {
            if (!joining) wanted[kind as 'subscribe'].delete(name);
            else if (accepted) wanted[kind as 'subscribe'].add(name);
          }
        }
        expect(bench.held).toEqual(bench.expected([...wanted.subscribe], [...wanted.psubscribe]));
        bench.subscriptions.close();
        await bench.clock.advanceAsync(COMMANDS_MS);
        expect(bench.clock.pending).toBe(0);
      }),
      { numRuns: 150 },
    );
  });
});

/** The scripted connections' own timers have run out. */
const COMMANDS_MS = 2_000;

const shardName = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const channels = fc.uniqueArray(fc.constantFrom(...CHANNELS), { minLength: 1, maxLength: 6 });
const patterns = fc.uniqueArray(fc.constantFrom('p*', 'q*'), { minLength: 1 });
const thenMs = fc.constantFrom(0, 0, 1, 2, 3, 5, 20, 60, 500, 2_500);
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('topology' as const),
      names: fc.uniqueArray(shardName, { minLength: 1 }),
      thenMs,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('fault' as const),
      how: fc.constantFrom('kill' as const, 'hang' as const, 'mend' as const),
      name: shardName,
      thenMs,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('state' as const),
      name: shardName,
      state: fc.constantFrom('up' as const, 'down' as const),
      thenMs,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('run' as const),
      command: fc.constantFrom('subscribe', 'subscribe', 'unsubscribe'),
      names: channels,
      thenMs,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('run' as const),
      command: fc.constantFrom('psubscribe', 'punsubscribe'),
      names: patterns,
      thenMs,
    }),
  },
);
