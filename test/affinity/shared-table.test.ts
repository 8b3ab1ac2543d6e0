import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { SharedSessions } from '../../src/affinity/shared-sessions.js';
import { StoreBook } from '../../src/affinity/store-book.js';
import type { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';

interface Asked {
  readonly of: 'load' | 'bind' | 'unbind';
  readonly args: readonly unknown[];
  answer(value: unknown): Promise<void>;
  refuse(): Promise<void>;
}

/** Sessions in front of a store that answers when it is told to. */
function world(more: { capacity?: number; cacheMs?: number; withoutUnbind?: boolean } = {}) {
  const { capacity = 100, cacheMs = 1_000, withoutUnbind = false } = more;
  const clock = new ManualClock(1_000);
  const asked: Asked[] = [];
  const failures: string[] = [];
  let closes = 0;
  const ask =
    (of: Asked['of']) =>
    (...args: unknown[]) =>
      new Promise<never>((resolve, reject) => {
        const then = async (act: () => void): Promise<void> => {
          act();
          await clock.advanceAsync(0);
        };
        asked.push({
          of,
          args,
          answer: (value) => then(() => resolve(value as never)),
          refuse: () => then(() => reject(new Error('down'))),
        });
      });
  const store = {
    load: ask('load'),
    bind: ask('bind'),
    ...(!withoutUnbind && { unbind: ask('unbind') }),
    close: () => void closes++,
  };
  const options = { ttlMs: 10_000, capacity, cacheMs, loadTimeoutMs: 250, maxPending: 100 };
  const sessions = new SharedSessions(store, clock, options, ({ message }) => failures.push(message));
  /** What was asked since the last time. */
  const taken = () => asked.splice(0);
  /** A session that the store has confirmed. */
  const confirm = async (key: string, id: string) => {
    sessions.set(key, id);
    await taken()[0]!.answer(id);
  };
  /** A session whose binding the store has not heard of: it was down, and the pause is over. */
  const unwritten = async (key: string, id: string) => {
    sessions.set(key, id);
    for (let attempt = 0; attempt < 3; attempt++) {
      await taken()[0]!.refuse();
      await clock.advanceAsync(1_000);
    }
    failures.splice(0);
  };
  return { clock, sessions, taken, failures, confirm, unwritten, closes: () => closes };
}

describe('the table in front of a shared store', () => {
  it('asks for a session that it does not know, once for all that wait', async () => {
    const { sessions, taken } = world();
    const [one, two] = [sessions.prepare('a'), sessions.prepare('a')];
    expect(one).toBe(two);
    const [load, ...more] = taken();
    expect([load!.of, load!.args, more]).toEqual(['load', ['a', 10_000], []]);
    await load!.answer('e1');
    await one;
    expect([sessions.get('a'), sessions.peek('a'), sessions.prepare('a'), sessions.size]).toEqual([
      'e1',
      'e1',
      undefined,
      1,
    ]);
  });

  it('asks again once it has believed the store for cacheMs, however often the session was used', async () => {
    const { clock, sessions, taken, confirm } = world();
    await confirm('a', 'e1');
    for (let ms = 0; ms < 1_000; ms += 200) {
      expect(sessions.prepare('a')).toBeUndefined();
      sessions.get('a');
      clock.advance(200);
    }
    clock.advance(1);
    // A call that does not wait uses what is known, and has the store asked for the next.
    expect(sessions.get('a')).toBe('e1');
    await taken()[0]!.answer('e2');
    expect(sessions.get('a')).toBe('e2');
  });

  it('believes the store for half of the TTL at most', async () => {
    const { clock, sessions, confirm } = world({ cacheMs: 60_000 });
    await confirm('a', 'e1');
    clock.advance(4_999);
    expect(sessions.prepare('a')).toBeUndefined();
    clock.advance(2);
    expect(sessions.prepare('a')).toBeDefined();
  });

  it('does not ask for one that is about to be bound, nor while the store is left alone, nor once closed', async () => {
    const { clock, sessions, taken, closes } = world();
    expect(sessions.get('a')).toBeUndefined();
    expect(taken()).toEqual([]);
    sessions.set('a', 'e1');
    expect(sessions.prepare('a')).toBeUndefined();
    await taken()[0]!.refuse();
    expect([sessions.prepare('a'), sessions.prepare('other')]).toEqual([undefined, undefined]);
    clock.advance(1_001);
    sessions.clear();
    expect([sessions.prepare('other'), sessions.size, closes()]).toEqual([undefined, 0, 1]);
  });

  it('writes a binding that is new, and nothing for one that it has', async () => {
    const { sessions, taken, confirm } = world();
    await confirm('a', 'e1');
    expect(sessions.set('a', 'e1')).toBe(true);
    expect(taken()).toEqual([]);
    expect(sessions.set('a', 'e2')).toBe(true);
    expect(taken()[0]!.args).toEqual(['a', 'e2', 10_000, 'e1']);
    // Until the store has said so, that is what it is, and is not confirmed.
    expect([sessions.get('a'), sessions.unwritten]).toEqual(['e2', 1]);
  });

  it('has room for what the store does not have, in the place of what it has', async () => {
    const { sessions, confirm } = world({ capacity: 2 });
    await confirm('a', 'e1');
    sessions.set('b', 'e1');
    expect([sessions.crowded, sessions.full]).toEqual([false, false]);
    expect(sessions.peek('a')).toBeUndefined();
    expect(sessions.set('c', 'e1')).toBe(true);
    // Both are only here.
    expect([sessions.full, sessions.set('d', 'e1'), sessions.peek('d')]).toEqual([true, false, undefined]);
    expect(sessions.size).toBe(2);
  });
});

describe('what a shared store answers', () => {
  it('is old where the session changed here meanwhile', async () => {
    const { sessions, taken } = world();
    const loading = sessions.prepare('a');
    const [load] = taken();
    sessions.set('a', 'e1');
    await taken()[0]!.answer('e1');
    await load!.answer('e9');
    await loading;
    expect(sessions.peek('a')).toBe('e1');
    const again = world();
    const other = again.sessions.prepare('a');
    const [asked] = again.taken();
    again.sessions.set('a', 'e1');
    await asked!.answer('e9');
    await other;
    expect(again.sessions.peek('a')).toBe('e1');
  });

  it('is nothing any more once it is closed', async () => {
    const { sessions, taken, failures } = world();
    const loading = sessions.prepare('a');
    sessions.clear();
    await taken()[0]!.answer('e1');
    await loading;
    expect([sessions.size, failures]).toEqual([0, []]);
  });

  it('moves a session that it has confirmed before, and is told anew where it has lost it', async () => {
    const { clock, sessions, taken, confirm } = world();
    await confirm('a', 'e1');
    clock.advance(1_001);
    void sessions.prepare('a');
    await taken()[0]!.answer('e2');
    expect(sessions.peek('a')).toBe('e2');
    clock.advance(1_001);
    void sessions.prepare('a');
    await taken()[0]!.answer(undefined);
    const [bind] = taken();
    expect([bind!.of, bind!.args]).toEqual(['bind', ['a', 'e2', 10_000, undefined]]);
    expect([sessions.peek('a'), sessions.unwritten]).toEqual(['e2', 1]);
  });

  it('is null or undefined where it has none, which begins nothing', async () => {
    for (const none of [null, undefined]) {
      const { sessions, taken, failures } = world();
      const loading = sessions.prepare('a');
      await taken()[0]!.answer(none);
      await loading;
      expect([sessions.peek('a'), failures, taken()]).toEqual([undefined, [], []]);
    }
  });

  it.each([
    ['nothing', undefined, true],
    ['what was replaced', 'e0', true],
    ['what it was sent', 'e1', false],
  ])('is replaced by a binding that it has not, where it has %s', async (_, has, isWritten) => {
    const { clock, sessions, taken, confirm, unwritten } = world();
    await confirm('a', 'e0');
    await unwritten('a', 'e1');
    void sessions.prepare('a');
    await taken()[0]!.answer(has);
    expect(taken().map(({ of, args }) => [of, ...args])).toEqual(isWritten ? [['bind', 'a', 'e1', 10_000, has]] : []);
    expect([sessions.peek('a'), sessions.unwritten]).toEqual(['e1', isWritten ? 1 : 0]);
    clock.advance(0);
  });

  it('decides where another process has bound the session since', async () => {
    const { sessions, taken, confirm, unwritten } = world();
    await confirm('a', 'e0');
    await unwritten('a', 'e1');
    void sessions.prepare('a');
    await taken()[0]!.answer('e7');
    expect([sessions.peek('a'), sessions.unwritten, taken()]).toEqual(['e7', 0, []]);
  });

  it.each([
    [42, 'number'],
    ['', 'an empty text'],
    [{}, 'object'],
  ])('is a failure where it is no id: %j', async (value, kind) => {
    const { sessions, taken, failures } = world();
    void sessions.prepare('a');
    await taken()[0]!.answer(value);
    const allowed = 'it must be the id of an endpoint';
    expect(failures).toEqual([`The affinity store answered load with ${kind}: ${allowed} or undefined.`]);
  });

  it('to a binding is an id', async () => {
    const { sessions, taken, failures } = world();
    sessions.set('a', 'e1');
    await taken()[0]!.answer(null);
    expect(failures).toEqual(['The affinity store answered bind with null: it must be the id of an endpoint.']);
  });
});

describe('a session that is forgotten', () => {
  it('is gone here and in the store, with what came meanwhile', async () => {
    const { sessions, taken, confirm } = world();
    await confirm('a', 'e1');
    const unbinding = sessions.unbind('a');
    expect(sessions.peek('a')).toBeUndefined();
    const [unbind] = taken();
    expect([unbind!.of, unbind!.args]).toEqual(['unbind', ['a']]);
    sessions.set('a', 'e2');
    await unbind!.answer(undefined);
    await unbinding;
    expect(sessions.peek('a')).toBeUndefined();
    await taken()[0]!.answer('e2');
    // Nor is it believed that the store has been asked.
    expect(sessions.prepare('a')).toBeDefined();
  });

  it('is refused where the store cannot, and fails as the store does', async () => {
    const { sessions, taken } = world();
    const unbinding = expect(sessions.unbind('a')).rejects.toThrow('down');
    await taken()[0]!.refuse();
    await unbinding;
    await expect(world({ withoutUnbind: true }).sessions.unbind('a')).rejects.toMatchObject({
      code: 'FAIRLEAD_INVALID_OPTION',
      message: 'A session cannot be unbound: affinity.store has no unbind.',
    });
  });
});

describe('the book of a shared store', () => {
  it('says what the table in front of it says', async () => {
    const { sessions, confirm, taken } = world({ capacity: 1 });
    const book = new StoreBook(sessions, () => {});
    const endpoint = { spec: { id: 'e1' } } as LiveEndpoint;
    expect([book.size, book.full, book.crowded, book.unwritten]).toEqual([0, false, false, 0]);
    expect([book.peek('a'), book.get('a')]).toEqual([undefined, undefined]);
    await confirm('a', 'e1');
    expect([book.size, book.peek('a'), book.get('a')]).toEqual([1, { id: 'e1' }, { id: 'e1' }]);
    expect(book.set('b', endpoint)).toBe(true);
    expect([book.full, book.unwritten, book.set('c', endpoint)]).toEqual([true, 1, false]);
    const flushed = book.flush();
    await taken()[0]!.answer('e1');
    await flushed;
    expect(book.unwritten).toBe(0);
    book.clear();
    expect(book.size).toBe(0);
  });

  it('has other names for the sessions of a subset', () => {
    const book = new StoreBook(world().sessions, () => {});
    const names = [book.name('', 'a'), book.name('blue', 'a'), book.name('green', 'a')];
    expect(new Set(names).size).toBe(3);
    expect(book.name('blue', 'a')).toBe(names[1]);
  });

  it("of a user's own store has no room only where that says so, and forgets there", async () => {
    const sessions = new Map<string, string>();
    let room: unknown;
    const store = {
      get: (key: string) => sessions.get(key),
      set: (key: string, id: string) => {
        sessions.set(key, id);
        return room as undefined;
      },
      delete: (key: string) => void sessions.delete(key),
      get size() {
        return sessions.size;
      },
      clear: () => sessions.clear(),
    };
    const book = new StoreBook(store, () => {});
    const endpoint = { spec: { id: 'e1' } } as LiveEndpoint;
    for (const said of [undefined, true, 0]) {
      room = said;
      expect(book.set('a', endpoint)).toBe(true);
    }
    room = false;
    expect(book.set('a', endpoint)).toBe(false);
    expect([book.peek('a'), book.size, book.full, book.crowded, book.unwritten]).toEqual([
      { id: 'e1' },
      1,
      false,
      false,
      0,
    ]);
    await book.flush();
    await book.unbind('a');
    expect([book.get('a'), book.prepare('a')]).toEqual([undefined, undefined]);
  });

  it('keeps a call where its store throws', () => {
    const failures: string[] = [];
    const broken = (): never => {
      throw new Error('full disk');
    };
    const store = { get: broken, set: broken, delete: broken, size: 0, clear: broken };
    const book = new StoreBook(store, ({ message }) => failures.push(message));
    expect([book.get('a'), book.set('a', { spec: { id: 'e1' } } as LiveEndpoint)]).toEqual([undefined, true]);
    book.clear();
    expect(failures).toEqual(['full disk', 'full disk', 'full disk']);
  });
});
