import { describe, expect, it } from 'vitest';
import { type EtcdVersion, Relay, startEtcd, until } from '../harness/index.js';
import { clientOf, naming } from './world.js';

const VERSIONS: readonly EtcdVersion[] = ['3.4', '3.5'];

/** So short that trouble is over within seconds. */
const QUICK = { requestTimeoutMs: 1_000, progressMs: 500 };

describe.each(VERSIONS)('the etcd resolver, while etcd %s', (version) => {
  it('is killed and comes back: it keeps the list, says why, and sees what came after', async () => {
    await using etcd = await startEtcd({ version });
    await etcd.put('users/a', naming('127.0.0.1:5001'));
    const { lists, ids, errors } = clientOf(etcd, QUICK);
    await lists('a');
    await etcd.kill();
    await until('an error', () => errors.length > 0);
    expect(ids()).toEqual(['a']);
    await etcd.restart();
    await etcd.put('users/b', naming('127.0.0.1:5002'));
    await lists('a', 'b');
  });

  it('stands still: it keeps the list, says why, and sees what came after', async () => {
    await using etcd = await startEtcd({ version });
    await etcd.put('users/a', naming('127.0.0.1:5001'));
    const { lists, ids, errors } = clientOf(etcd, QUICK);
    await lists('a');
    await etcd.pause();
    await until('an error', () => errors.some(({ message }) => /said nothing for 1000 ms/.test(message)));
    expect(ids()).toEqual(['a']);
    await etcd.resume();
    await etcd.put('users/b', naming('127.0.0.1:5002'));
    await lists('a', 'b');
  });

  it('cannot be reached, changes, and compacts what changed', async () => {
    await using etcd = await startEtcd({ version });
    await using relay = await Relay.before(etcd);
    await etcd.put('users/a', naming('127.0.0.1:5001'));
    await etcd.put('users/b', naming('127.0.0.1:5002'));
    const { lists, errors } = clientOf(relay, QUICK);
    await lists('a', 'b');
    await relay.cut();
    await until('an error', () => errors.length > 0);
    await etcd.put('users/c', naming('127.0.0.1:5003'));
    await etcd.delete('users/a');
    await etcd.compact();
    await relay.pass();
    await lists('b', 'c');
    await etcd.put('users/d', naming('127.0.0.1:5004'));
    await lists('b', 'c', 'd');
  });

  it('is behind a network that holds all bytes back, and lets them go', async () => {
    await using etcd = await startEtcd({ version });
    await using relay = await Relay.before(etcd);
    await etcd.put('users/a', naming('127.0.0.1:5001'));
    const { lists, errors } = clientOf(relay, QUICK);
    await lists('a');
    relay.hold();
    await etcd.put('users/b', naming('127.0.0.1:5002'));
    await etcd.compact();
    await until('an error', () => errors.length > 0);
    await relay.pass();
    await lists('a', 'b');
  });

  it('is behind something that takes connections and answers nothing, and is there again', async () => {
    await using etcd = await startEtcd({ version });
    await using relay = await Relay.before(etcd);
    await etcd.put('users/a', naming('127.0.0.1:5001'));
    const { lists, errors } = clientOf(relay, QUICK);
    await lists('a');
    relay.swallow();
    const before = relay.connections;
    await until('a try on a new connection', () => relay.connections > before + 1);
    expect(errors.length).toBeGreaterThan(0);
    await etcd.put('users/b', naming('127.0.0.1:5002'));
    await relay.pass();
    await lists('a', 'b');
  });

  it('is restored from an older backup: its revision goes back, and what it has is listed', async () => {
    await using etcd = await startEtcd({ version });
    await etcd.put('users/a', naming('127.0.0.1:5001'));
    await etcd.backup();
    for (let i = 0; i < 20; i++) await etcd.put('users/b', naming(`127.0.0.1:${6_000 + i}`));
    const { lists } = clientOf(etcd, QUICK);
    await lists('a', 'b');
    await etcd.stop();
    await etcd.restore();
    await lists('a');
    await etcd.put('users/c', naming('127.0.0.1:5003'));
    await lists('a', 'c');
  });

  it('loses all it had: the list is kept until that is confirmed, and then it is empty', async () => {
    await using etcd = await startEtcd({ version });
    await etcd.put('users/a', naming('127.0.0.1:5001'));
    await etcd.put('users/b', naming('127.0.0.1:5002'));
    const { lists, errors } = clientOf(etcd, QUICK);
    await lists('a', 'b');
    await etcd.restart({ wipe: true });
    await until('a doubt', () => errors.some(({ message }) => /2 are kept as they were/.test(message)));
    await lists();
    await etcd.put('users/a', naming('127.0.0.1:5001'));
    await lists('a');
  });
});
