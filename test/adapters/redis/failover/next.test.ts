import { ManualClock, seededRandom } from 'fairlead/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Quarantine } from '../../../../adapters/redis/common/options.js';
import { readShardedOptions } from '../../../../adapters/redis/common/options.js';
import { keysOf, ownCommand } from '../../../../adapters/redis/driver/driver.js';
import { Next } from '../../../../adapters/redis/failover/next.js';
import type { ShardSet } from '../../../../adapters/redis/shards/shard-set.js';
import { FakeServer, FakeShard, setOf, settle } from '../fakes.js';

/** Clients draw different tokens, as those of different processes do. */
let seed = 0;

/**
 * One client with the policy `next`, over servers that the test breaks; as `ShardedRedis` puts it
 * together.
 */
class Client {
  readonly clock = new ManualClock();
  readonly errors: Error[] = [];
  readonly failover: Next;
  #set: ShardSet;
  #shards = new Map<string, FakeShard>();

  constructor(servers: Readonly<Record<string, FakeServer>>, quarantine: Quarantine = 'generation') {
    const { own } = readShardedOptions({ service: 'cache', onFailure: 'next', quarantine }, seededRandom(1));
    this.failover = new Next({
      own,
      clock: this.clock,
      random: seededRandom(++seed),
      commandTimeoutMs: 5_000,
      current: () => this.#set,
      keysOf,
      placesOf: () => undefined,
      again: ([command]) => this.#set.ownerOf(command!.args[0] as string).send(command!),
      error: (error) => void this.errors.push(error),
    });
    this.#set = setOf(0, [], this.failover);
    this.topology(servers);
  }

  shard(name: string): FakeShard {
    return this.#shards.get(name)!;
  }

  /** Which servers there are now. */
  topology(servers: Readonly<Record<string, FakeServer>>): void {
    const before = this.#shards;
    const next = new Map<string, FakeShard>();
    for (const [name, server] of Object.entries(servers)) {
      const shard = before.get(name) ?? this.#adopt(new FakeShard(name, server));
      next.set(name, shard);
    }
    this.#shards = next;
    this.#set = setOf(this.#set.generation + 1, [...next.values()], this.failover);
    for (const [name, shard] of before) if (!next.has(name)) this.failover.left(shard.shard);
    this.failover.topologyChanged();
  }

  #adopt(shard: FakeShard): FakeShard {
    shard.changed = () => this.failover.changed(shard.shard);
    return shard;
  }

  down(name: string): void {
    this.shard(name).to('down');
  }

  /**
   * As the look at every shard that a client takes again and again: those that are down are found
   * again by it.
   */
  async look(...names: string[]): Promise<void> {
    for (const [name, shard] of this.#shards) {
      if (names.length > 0 ? !names.includes(name) : shard.state === 'down') continue;
      shard.issue(this.failover.probe(shard.shard) ?? ownCommand('ping'));
      if (shard.state !== 'up') this.failover.answered(shard.shard);
    }
    await settle();
  }

  async up(name: string): Promise<void> {
    await this.look(name);
    await this.look();
  }

  call(name: string, ...args: string[]): Promise<unknown> {
    const command = ownCommand(name, args);
    this.#set.ownerOf(args[0]!).send(command);
    return command.promise;
  }

  ownerOf(key: string): string {
    return this.#set.shardOf(key).name;
  }

  keyOn(name: string): string {
    for (let i = 0; ; i++) if (this.ownerOf(`k${i}`) === name) return `k${i}`;
  }
}

const three = (): { a: FakeServer; b: FakeServer; c: FakeServer } => ({
  a: new FakeServer(),
  b: new FakeServer(),
  c: new FakeServer(),
});

async function started(servers: Readonly<Record<string, FakeServer>>, quarantine?: Quarantine): Promise<Client> {
  const client = new Client(servers, quarantine);
  await client.look();
  await client.look();
  return client;
}

describe('the policy next', () => {
  it.each<[Quarantine, (string | null)[]]>([
    ['generation', [null, null, null]],
    ['flush', [null, null, null]],
    ['none', [null, 'first', 'second']],
  ])('with the quarantine %s reads nothing older than a later write, where there is one', async (quarantine, read) => {
    const client = await started(three(), quarantine);
    const key = client.keyOn('a');
    await client.call('set', key, 'first');
    client.down('a');
    const third = await client.call('get', key);
    await client.call('set', key, 'second');
    await client.up('a');
    expect(client.shard('a').state).toBe('up');
    const sixth = await client.call('get', key);
    await client.call('set', key, 'third');
    client.down('a');
    expect([third, sixth, await client.call('get', key)]).toEqual(read);
  });

  it('clears a shard that discovery forgot for a while, as others owned its keys', async () => {
    const servers = three();
    const client = await started(servers);
    const key = client.keyOn('a');
    await client.call('set', key, 'old');
    const { a, ...others } = servers;
    client.topology(others);
    await client.call('set', key, 'new');
    client.topology({ a, ...others });
    await client.up('a');
    expect(await client.call('get', key)).toBeNull();
  });

  it('does so by what is noted at the others as well, when all clients that saw it go are gone', async () => {
    const servers = three();
    const client = await started(servers);
    const key = client.keyOn('a');
    await client.call('set', key, 'old');
    const { a, ...others } = servers;
    client.topology(others);
    await client.call('set', key, 'new');
    const second = await started(others);
    client.failover.close();
    // One that never saw it go, when it comes.
    for (const server of Object.values(others)) server.hangs = true;
    second.topology({ a, ...others });
    await second.look('a');
    expect(second.shard('a').state).toBe('connecting');
    for (const server of Object.values(others)) server.release();
    await second.up('a');
    expect(await second.call('get', key)).toBeNull();
    await second.call('set', key, 'newer');
    const third = await started(servers);
    expect(await third.call('get', key)).toBe('newer');
  });

  it('clears a shard for which somebody stands in who came after it went down', async () => {
    const { a, b } = three();
    const client = await started({ a });
    const key = [...Array(50).keys()]
      .map((i) => `k${i}`)
      .find((each) => setOf(0, [new FakeShard('a', a), new FakeShard('b', b)]).shardOf(each).name === 'a')!;
    await client.call('set', key, 'old');
    client.down('a');
    client.topology({ a, b });
    await client.look('b');
    await client.look('b');
    await client.call('set', key, 'new');
    expect(await client.call('get', key)).toBe('new');
    await client.up('a');
    expect(await client.call('get', key)).toBeNull();
  });

  it('tells a server again what it refused to note, and does not go back to older notes meanwhile', async () => {
    const servers = three();
    const client = await started(servers);
    const key = client.keyOn('a');
    client.down('a');
    await client.call('set', key, 'first absence');
    await client.up('a');
    await client.call('set', key, 'back');
    for (const server of [servers.b, servers.c]) server.refuses.add('hset');
    client.down('a');
    await client.look();
    expect(client.errors.length).toBeGreaterThan(0);
    expect(await client.call('get', key)).toBeNull();
    for (const server of [servers.b, servers.c]) server.refuses.clear();
    await client.look();
    await client.look();
    expect(await client.call('get', key)).toBeNull();
    const [record] = [...servers.b.hashes.values()];
    expect(record!.get('missed:a')).toBe('1');
  });

  it('lets others stand in for a shard that has to wait, also in a client that starts meanwhile', async () => {
    const servers = three();
    const client = await started(servers, { waitMs: 60_000 });
    const key = client.keyOn('a');
    client.down('a');
    await client.call('set', key, 'during');
    const second = await started(servers, { waitMs: 60_000 });
    expect(second.shard('a').state).toBe('quarantined');
    expect(await second.call('get', key)).toBe('during');
    await second.clock.advanceAsync(60_000);
    await settle();
    expect(second.shard('a').state).toBe('up');
    expect(await second.call('get', key)).toBeNull();
  });

  it('holds what comes before it knows, and lets go of all when it is closed', async () => {
    const servers = three();
    for (const server of Object.values(servers)) server.hangs = true;
    const client = await started(servers, { waitMs: 60_000 });
    client.down('b');
    const waiting = client.call('get', client.keyOn('a'));
    waiting.catch(() => {});
    expect(client.clock.pending).toBe(1);
    client.failover.close();
    await expect(waiting).rejects.toMatchObject({ code: 'FAIRLEAD_CLOSED' });
    for (const server of Object.values(servers)) server.release();
    await settle();
    expect(client.clock.pending).toBe(0);
  });

  it('ends a wait of days when it is closed', async () => {
    const client = await started(three(), { waitMs: 1_000_000_000 });
    client.down('a');
    await client.up('a');
    expect(client.shard('a').state).toBe('quarantined');
    expect(client.clock.pending).toBe(1);
    client.failover.close();
    await settle();
    expect(client.clock.pending).toBe(0);
    expect(client.shard('a').state).toBe('quarantined');
  });

  it('repairs notes that are nobody’s, and does not ask a server without end that keeps none', async () => {
    const servers = three();
    servers.a.hashes.set('fl:record:cache:generation', new Map([['own', '{*}']]));
    const client = await started(servers);
    await client.look();
    expect(client.shard('a').state).toBe('up');
    const forgetful = three();
    forgetful.b.hashes.get = () => undefined;
    const other = await started(forgetful);
    expect(forgetful.b.log.length).toBeLessThan(20);
    expect(other.shard('b').state).toBe('connecting');
    other.failover.close();
  });

  it('goes on when a break comes in the middle of an admission', async () => {
    const servers = three();
    const client = await started(servers, 'flush');
    client.down('a');
    servers.a.hangs = true;
    await client.look('a');
    client.down('a');
    servers.a.release();
    await settle();
    expect(client.shard('a').state).toBe('down');
    await client.up('a');
    expect(client.shard('a').state).toBe('up');
  });

  const names = ['a', 'b', 'c'] as const;
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('set', 'get'), key: fc.integer({ min: 0, max: 5 }) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constantFrom('down', 'up', 'blink', 'leave', 'join'),
        name: fc.constantFrom(...names),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('restart', 'look') }) },
  );

  it('reads nothing older than the last write, whatever goes down, leaves and comes back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }), async (steps) => {
        const servers: Record<string, FakeServer> = three();
        let present: Record<string, FakeServer> = { ...servers };
        let client = await started(present);
        const written = new Map<string, number>();
        let n = 0;
        for (const each of steps) {
          if ('key' in each) {
            const key = `k${each.key}`;
            if (each.do === 'set') {
              n++;
              await client.call('set', key, String(n)).then(
                () => written.set(key, n),
                () => {},
              );
            } else {
              const value = await client.call('get', key).catch(() => null);
              if (value !== null) expect(Number(value)).toBe(written.get(key));
            }
            continue;
          }
          if ('name' in each) {
            const { name } = each;
            if (each.do === 'join') present = { ...present, [name]: servers[name]! };
            if (each.do === 'leave' && Object.keys(present).length > 1) {
              const { [name]: _, ...rest } = present;
              present = rest;
            }
            client.topology(present);
            const there = client.shard(name) as FakeShard | undefined;
            if (each.do === 'down') there?.to('down');
            if (each.do === 'blink' && there?.state === 'up') there.to('connecting');
            if (each.do === 'up' && there !== undefined) await client.up(name);
            await client.look();
          } else {
            // Else the notes may be at one server alone; if that is down when the others are
            // needed, nobody can know.
            const whole = names.every((name) => present[name] !== undefined && client.shard(name).state === 'up');
            if (each.do === 'restart' && whole) {
              client.failover.close();
              client = await started(present);
            }
            await client.look();
          }
          await settle();
          // Nobody can be asked while nothing is up, and a command would be held.
          for (const name of Object.keys(present)) if (client.shard(name).state === 'connecting') await client.up(name);
        }
        client.failover.close();
      }),
      { numRuns: 150 },
    );
  });
});
