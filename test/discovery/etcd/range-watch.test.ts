import { ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { awayMs } from '../../../src/discovery/etcd/calls.js';
import { RangeWatch } from '../../../src/discovery/etcd/range-watch.js';
import { ServerPause } from '../../../src/discovery/server-pause.js';
import { ScriptedEtcd } from '../../support/scripted-etcd.js';

function world(prepare: (etcd: ScriptedEtcd) => void = () => {}, maxKeys = 1_000) {
  const etcd = new ScriptedEtcd();
  prepare(etcd);
  const context = { clock: new ManualClock(1_000), random: seededRandom(3) };
  const options = { requestTimeoutMs: 5_000, progressMs: 5_000, maxBackoffMs: 750, maxKeys };
  const lists: { readonly keys: string; readonly doubtful: boolean }[] = [];
  const errors: string[] = [];
  let confirmed = 0;
  const pause = new ServerPause(context, 750, awayMs);
  const watch = new RangeWatch(
    { key: 'users/', prefix: true },
    { ...context, calls: etcd, pause, options },
    {
      entries: (entries, _header, doubtful) => lists.push({ keys: [...entries.keys()].sort().join(), doubtful }),
      confirmed: () => confirmed++,
      failed: ({ message }) => errors.push(message),
    },
  );
  onTestFinished(() => watch.stop());
  const pass = (ms: number): Promise<void> => context.clock.advanceAsync(ms);
  return { etcd, clock: context.clock, watch, lists, errors, pass, confirmed: () => confirmed };
}

describe('a watch of a range', () => {
  it('reads pages at the revision of the first, and then only what changed', async () => {
    const { etcd, lists, pass } = world((it) => {
      it.pageKeys = 2;
      for (const key of ['users/a', 'users/b', 'users/c', 'users/d', 'users/e', 'users2/x']) it.set(key, '1');
    });
    await pass(0);
    expect(lists).toEqual([{ keys: 'users/a,users/b,users/c,users/d,users/e', doubtful: false }]);
    expect(etcd.pagesAt).toEqual([0n, 7n, 7n]);
    etcd.set('users/f', '1');
    etcd.delete('users/a');
    await pass(0);
    expect(lists.at(-1)).toEqual({ keys: 'users/b,users/c,users/d,users/e,users/f', doubtful: false });
    expect(etcd.lists).toBe(1);
  });

  it('lists anew once when what it watches from is compacted', async () => {
    const { etcd, lists, pass, errors } = world((it) => it.set('users/a', '1'));
    await pass(0);
    etcd.compacted = etcd.revision + 1n;
    etcd.cut();
    await pass(1_000);
    // The store goes on beyond what was compacted.
    etcd.set('x', '1');
    etcd.set('x', '2');
    await pass(3_000);
    const before = etcd.lists;
    etcd.set('users/b', '1');
    await pass(60_000);
    expect(etcd.lists).toBe(before);
    expect(lists.at(-1)!.keys).toBe('users/a,users/b');
    expect(errors).toEqual(['etcd at scripted:2379: it is away.']);
  });

  it('lists a revision that is always compacted at most twice a second, without an end', async () => {
    const { etcd, pass } = world((it) => {
      it.set('users/a', '1');
      it.compacted = 1_000n;
    });
    await pass(0);
    const before = etcd.lists;
    await pass(60_000);
    expect(etcd.lists - before).toBeLessThanOrEqual(2 * 60 + 4);
    expect(etcd.lists - before).toBeGreaterThan(60);
  });

  it('lists anew, and says that it is doubtful, when the revision goes back or the cluster is another', async () => {
    const { etcd, lists, pass } = world((it) => {
      it.set('users/a', '1');
      it.revision = 100n;
    });
    await pass(0);
    etcd.revision = 5n;
    etcd.cut();
    await pass(1_000);
    expect(lists).toHaveLength(2);
    expect(lists[1]!.doubtful).toBe(true);
    etcd.clusterId = 2n;
    etcd.watching.forEach(({ hearer }) => {
      hearer.message({
        ...{ header: { clusterId: 1n, revision: 1n }, created: false, canceled: false },
        ...{ compactRevision: 0n, reason: '', fragment: false, events: [] },
      });
    });
    await pass(2_000);
    expect(lists).toHaveLength(3);
    expect(lists[2]!.doubtful).toBe(true);
  });

  it('asks a silent watch for progress, which confirms the list, and gives it up when that is not answered', async () => {
    const { etcd, pass, confirmed, errors } = world((it) => it.set('users/a', '1'));
    await pass(0);
    await pass(20_000);
    expect(confirmed()).toBe(4);
    expect(etcd.lists).toBe(1);
    etcd.silent = true;
    await pass(10_500);
    expect(errors).toEqual(["etcd at scripted:2379: the watch of 'users/' said nothing for 5000 ms."]);
    etcd.silent = false;
    await pass(20_000);
    expect(etcd.lists).toBeGreaterThan(1);
  });

  it('gives a watch up that is never confirmed', async () => {
    const { etcd, pass, errors } = world((it) => {
      it.set('users/a', '1');
      it.silent = true;
    });
    await pass(0);
    await pass(5_100);
    expect(errors.join()).toContain('said nothing for 5000 ms');
    etcd.silent = false;
  });

  it('waits for an etcd that is away with a backoff, and leaves no timer behind', async () => {
    const { etcd, pass, watch, clock, lists } = world((it) => it.set('users/a', '1'));
    await pass(0);
    etcd.away = true;
    etcd.cut();
    await pass(30_000);
    expect(lists).toHaveLength(1);
    etcd.away = false;
    await pass(1_600);
    expect(lists).toHaveLength(2);
    watch.stop();
    await pass(0);
    expect(clock.pending).toBe(0);
    expect(etcd.watching.size).toBe(0);
  });

  it('holds no more keys than it may', async () => {
    const { etcd, pass, errors, lists } = world((it) => it.set('users/a', '1'), 2);
    await pass(0);
    etcd.set('users/b', '1');
    etcd.set('users/c', '1');
    await pass(1_000);
    expect(errors.join()).toContain("more than 2 keys begin with 'users/' (maxKeys)");
    expect(lists.at(-1)!.keys).toBe('users/a,users/b');
  });
});
