import { createConfigStore } from 'fairlead/config';
import { logMesh } from 'fairlead/monitor';
import { routeCalls, startCanary } from 'fairlead/routing';
import { describe, expect, it } from 'vitest';
import { ShardNews } from '../../adapters/redis/shards/shard-news.js';
import { FakeCluster } from '../support/fake-cluster.js';
import { endpoints, testMesh } from '../support/mesh.js';

/** Warnings and errors, and what else is about the word, as logged until now. */
function logOf({ mesh, clock }: Pick<ReturnType<typeof testMesh>, 'mesh' | 'clock'>) {
  const lines: string[] = [];
  const to = (level: string) => (line: string) => void lines.push(`${level} ${line.replace('fairlead: ', '')}`);
  logMesh(mesh, { info: to('info'), warn: to('warn'), error: to('error') });
  return (about: RegExp): string[] => {
    clock.advance(1_000);
    return lines.splice(0).filter((line) => about.test(line));
  };
}

describe('the log of a mesh', () => {
  it('has another primary of MySQL, replicas that serve no reads, and pools that are full', async () => {
    const test = new FakeCluster(3, { probeIntervalMs: 100, connectionLimit: 1, maxLagMs: 1_000 });
    const logged = logOf(test);
    const news = /write|reads|connections/;
    await test.pass(1_000);
    // Two pools over one service say it once.
    const other = test.another({ probeIntervalMs: 100, maxLagMs: 1_000 });
    await test.pass(1_000);
    expect(logged(news)).toEqual([]);
    test.checkout('primary');
    test.checkout('primary');
    await test.pass(100);
    expect(logged(news)).toEqual(['warn all connections to a server are in use: callers wait (db)']);
    for (const checkout of test.checkouts) test.cluster.release(checkout, 0);
    test.servers[0]!.transactions = 9;
    test.servers[2]!.transactions = 9;
    await test.pass(5_000);
    expect(logged(news)).toEqual(['warn serves no reads: it is behind, more than maxLagMs (db1 of db, 2 times)']);
    test.servers[1]!.transactions = 9;
    await test.pass(1_000);
    expect(logged(news)).toEqual(['info serves reads again (db1 of db, 2 times)']);
    test.servers[0]!.readOnly = true;
    await test.pass(1_000);
    expect(logged(news)).toContain('error no primary: writes go nowhere (db, 2 times)');
    test.servers[1]!.readOnly = false;
    await test.pass(1_000);
    expect(logged(news)).toContain('warn writes go to db1 now (db, 2 times)');
    await Promise.all([test.cluster.close(0), other.close(0)]);
  });

  it('has shards of Redis that are out, quarantined and in use again', () => {
    const test = testMesh({ cache: endpoints(2) });
    const logged = logOf(test);
    const service = test.mesh.service('cache');
    const [one, another] = [new ShardNews(), new ShardNews()];
    const say = (name: string, ...states: ('connecting' | 'up' | 'down' | 'demoted' | 'quarantined')[]): void => {
      for (const state of states) for (const news of [one, another]) news.changed({ name, state, service });
    };
    say('s0', 'connecting', 'up');
    expect(logged(/shard/)).toEqual([]);
    say('s0', 'down');
    say('s1', 'down');
    expect(logged(/shard/)).toEqual(['error shard is down (s0 of cache, s1 of cache, 4 times)']);
    say('s0', 'quarantined', 'connecting', 'up');
    say('s1', 'demoted');
    expect(logged(/shard/)).toEqual([
      'warn shard is in quarantine: it answers, but may be stale (s0 of cache, 2 times)',
      'info shard is in use again (s0 of cache, 2 times)',
      'error shard is demoted: its server is a replica, and takes no writes (s1 of cache, 2 times)',
    ]);
  });

  it('has configurations that are applied, refused and rolled back', async () => {
    const test = testMesh({ users: endpoints(2) });
    const logged = logOf(test);
    test.mesh.service('users');
    const config = createConfigStore(test.mesh, { compare: false });
    await config.apply({ services: { users: { health: [] } } });
    await config.apply({ services: { users: { health: [], waitForReadyMs: 5, panicThreshold: 0 } } });
    expect(logged(/configuration/)).toEqual([
      'info configuration: a new version is in force, 1 change (version 1)',
      'info configuration: a new version is in force, 2 changes (version 2)',
    ]);
    for (let i = 0; i < 3; i++)
      await config.apply({ services: { users: { policy: 'magic' as never } } }).catch(() => {});
    const [refused, ...more] = logged(/configuration/);
    expect(refused).toMatch(/^warn configuration refused: .*magic.* \(code, 3 times\)$/s);
    expect(more).toEqual([]);
    await config.rollback(1);
    expect(logged(/configuration/)).toEqual(['warn configuration: rollback to 1, 2 changes (version 3)']);
    await test.mesh.close();
  });

  it('has the steps of a canary and its end', () => {
    const versions = ['1', '2'].map((version) => ({ id: `v${version}`, host: 'h', port: 1, meta: { version } }));
    const test = testMesh({ users: versions });
    const logged = logOf(test);
    const routing = routeCalls(test.mesh.service('users'), {
      split: { name: 'users', arms: { v2: { share: 0, version: '2' } } },
    });
    const begin = () =>
      startCanary(routing, { arm: 'v2', steps: [{ share: 5 }, { share: 50 }], stalledAfterMs: 60_000 });
    const canary = begin();
    expect(logged(/canary/)).toEqual(['info canary in step 1, 5 % of the calls (v2 of users)']);
    canary.pause();
    expect(logged(/canary/)).toEqual(['info canary paused (v2 of users)']);
    canary.rollBack('errors by hand');
    expect(logged(/canary/)).toEqual(['warn canary rolled back in step 1: errors by hand (v2 of users)']);
    begin().promote();
    expect(logged(/canary/)).toEqual([
      'info canary in step 1, 5 % of the calls (v2 of users)',
      'info canary passed, 50 % of the calls (v2 of users)',
    ]);
  });

  it('has none of another mesh of the process', () => {
    const [ours, others] = [testMesh({ cache: endpoints(1) }), testMesh({ cache: endpoints(1) })];
    const logged = logOf(ours);
    ours.mesh.service('cache');
    new ShardNews().changed({ name: 's0', state: 'down', service: others.mesh.service('cache') });
    expect(logged(/shard/)).toEqual([]);
  });
});
