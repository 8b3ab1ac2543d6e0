import { ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { ServerPause } from '../../src/discovery/server-pause.js';
import { SharedWatches } from '../../src/discovery/shared-watches.js';
import { ShrinkGuard } from '../../src/discovery/shrink-guard.js';
import { WatchAudience } from '../../src/discovery/watch-audience.js';
import type { EndpointSpec } from '../../src/endpoint/endpoint.js';

const spec = (id: string, more: Partial<EndpointSpec> = {}): EndpointSpec =>
  ({ id, host: '127.0.0.1', port: 5_000 + id.charCodeAt(0), ...more }) as EndpointSpec;
const specs = (ids: string): EndpointSpec[] => [...ids].map((id) => spec(id));
const idsOf = (list: readonly EndpointSpec[]): string => list.map(({ id }) => id).join('');

describe('a list that shrank', () => {
  const make = (more = {}) => {
    const clock = new ManualClock(100_000);
    const guard = new ShrinkGuard(clock, { maxShrinkRatio: 0.5, confirmMs: 500, graceMs: 10_000, ...more });
    const admit = (list: readonly EndpointSpec[]): string => {
      const { endpoints, held, recheckMs } = guard.admit(list);
      return `${idsOf(endpoints)} ${held} ${recheckMs}`;
    };
    return { clock, guard, admit };
  };

  it('is believed where it lost no more than the share, or nothing was there before', () => {
    const { admit, guard } = make();
    expect(admit([])).toBe(' 0 0');
    expect(admit(specs('abcd'))).toBe('abcd 0 0');
    expect(admit(specs('cd'))).toBe('cd 0 0');
    expect(guard.recheckMs).toBe(0);
  });

  it('sharply is held until it was seen again after a while, and what it adds is believed at once', () => {
    const { admit, clock, guard } = make();
    admit(specs('abcd'));
    expect(admit(specs('a'))).toBe('abcd 3 500');
    clock.advance(200);
    expect(guard.recheckMs).toBe(300);
    expect(admit(specs('ae'))).toBe('ae 0 0');
    admit(specs('abcd'));
    admit(specs('e'));
    clock.advance(499);
    expect(admit(specs('e'))).toBe('eabcd 4 1');
    clock.advance(1);
    expect(admit(specs('e'))).toBe('e 0 0');
  });

  it('to nothing is held, whatever the share', () => {
    const { admit, clock } = make({ maxShrinkRatio: 1 });
    admit(specs('a'));
    expect(admit([])).toBe('a 1 500');
    clock.advance(500);
    expect(admit([])).toBe(' 0 0');
  });

  it('in health is held as one in number', () => {
    const { admit, clock } = make();
    admit(specs('abcd'));
    const sick = specs('abcd').map((each) => ({ ...each, healthy: each.id === 'a' }));
    expect(admit(sick)).toBe('abcd 3 500');
    clock.advance(500);
    expect(admit(sick)).toBe('abcd 0 0');
    expect(admit(sick.slice(0, 2))).toBe('ab 0 0');
  });

  it('holds none that is listed under another id at its address, or at another address by its id', () => {
    const { admit } = make();
    admit(specs('abcd'));
    const renamed = specs('abcd').map((each) => ({ ...each, id: `${each.id}2` }));
    expect(admit(renamed.slice(0, 1))).toBe('a2bcd 3 500');
    const { admit: other } = make();
    other(specs('ab'));
    expect(other([spec('a', { port: 1, healthy: false })])).toBe('ab 1 500');
  });

  it('after trouble is held for the grace, even where it lacks only one', () => {
    const { admit, clock, guard } = make();
    admit(specs('abcd'));
    guard.trouble();
    clock.advance(5_000);
    expect(admit(specs('abc'))).toBe('abcd 1 10000');
    clock.advance(9_999);
    expect(admit(specs('abc'))).toBe('abcd 1 1');
    clock.advance(1);
    expect(admit(specs('abc'))).toBe('abc 0 0');
    guard.trouble();
    clock.advance(10_000);
    expect(admit(specs('ab'))).toBe('ab 0 0');
  });

  it('after trouble is believed where it has something new', () => {
    const { admit, guard } = make();
    admit(specs('abcd'));
    guard.trouble();
    expect(admit(specs('abce'))).toBe('abce 0 0');
  });

  it('waits no less for a grace that is shorter than what confirms it', () => {
    const { admit, guard } = make({ graceMs: 100 });
    admit(specs('ab'));
    guard.trouble();
    expect(admit([])).toBe('ab 2 500');
  });
});

describe('those who share a watch', () => {
  const make = () => {
    const clock = new ManualClock(50_000);
    const audience = new WatchAudience(clock);
    const listener = () => {
      const seen: string[] = [];
      const sink = {
        snapshot: (list: readonly EndpointSpec[], version: string, ageMs?: number) =>
          void seen.push(`${idsOf(list)} ${version} ${ageMs}`),
        error: ({ message }: Error) => void seen.push(message),
      };
      return { seen, sink };
    };
    return { clock, audience, listener };
  };

  it('hear each list, with a version of its own where it is another, and its age', () => {
    const { audience, listener, clock } = make();
    const { seen, sink } = listener();
    audience.add(sink);
    const list = specs('ab');
    audience.snapshot(list, '7', 0);
    audience.snapshot([...list], '8', 30);
    audience.snapshot(specs('ab'), '8', 0);
    expect(seen).toEqual(['ab 7.1 0', 'ab 7.1 30', 'ab 8.2 0']);
    clock.advance(100);
    audience.partial(specs('a'), '9');
    expect(seen.at(-1)).toBe('a 9.3 100');
    expect(audience.version).toBe('9.3');
  });

  it('hear of a part only where it changed something', () => {
    const { audience, listener } = make();
    const { seen, sink } = listener();
    audience.add(sink);
    const list = specs('ab');
    audience.snapshot(list, '7', 0);
    audience.partial([...list], '8');
    expect(seen).toEqual(['ab 7.1 0']);
  });

  it('are told at once what the others know, and of the trouble that goes on', () => {
    const { audience, listener, clock } = make();
    const first = listener();
    audience.add(first.sink);
    expect(first.seen).toEqual([]);
    audience.snapshot(specs('a'), '7', 0);
    clock.advance(20);
    audience.error(new Error('away'));
    const late = listener();
    audience.add(late.sink);
    expect(late.seen).toEqual(['a 7.1 20', 'away']);
    audience.snapshot(specs('a'), '8', 0);
    const later = listener();
    audience.add(later.sink);
    expect(later.seen).toHaveLength(1);
    expect(audience.size).toBe(3);
    audience.delete(late.sink);
    audience.snapshot(specs('b'), '9', 0);
    expect([audience.size, late.seen.at(-1)]).toEqual([2, 'a 8.2 0']);
  });

  it('hear an error that stays the same every ten seconds, and another at once', () => {
    const { audience, listener, clock } = make();
    const { seen, sink } = listener();
    audience.add(sink);
    audience.error(new Error('away'));
    clock.advance(9_999);
    audience.error(new Error('away'));
    expect(seen).toEqual(['away']);
    audience.error(new Error('other'));
    audience.error(new Error('away'));
    clock.advance(10_000);
    audience.error(new Error('away'));
    expect(seen).toEqual(['away', 'other', 'away', 'away']);
  });
});

describe('watches that are shared', () => {
  it('run once for all who ask the same, until the last of them leaves', () => {
    const clock = new ManualClock();
    const stopped: string[] = [];
    const watches = new SharedWatches<never>();
    let made = 0;
    const join = (key: string): AbortController => {
      const end = new AbortController();
      const make = (): never => {
        made++;
        return { audience: new WatchAudience(clock), service: key, stop: () => stopped.push(key) } as never;
      };
      watches.join(key, make, { snapshot: () => {}, error: () => {} }, end.signal);
      return end;
    };
    const [first, second, other] = [join('users'), join('users'), join('orders')];
    expect(made).toBe(2);
    first.abort();
    expect(stopped).toEqual([]);
    second.abort();
    expect(stopped).toEqual(['users']);
    join('users');
    expect(made).toBe(3);
    other.abort();
    expect(stopped).toEqual(['users', 'orders']);
  });

  it('are stopped by an end, which tells why', () => {
    const stopped: string[] = [];
    const errors: string[] = [];
    const watches = new SharedWatches<never>();
    const watch = { audience: new WatchAudience(new ManualClock()), service: 'users', stop: () => stopped.push('it') };
    const sink = { snapshot: () => {}, error: ({ message }: Error) => void errors.push(message) };
    watches.join('users', () => watch as never, sink, new AbortController().signal);
    watches.close((service) => new Error(`'${service}' is over`));
    expect([stopped, errors]).toEqual([['it'], ["'users' is over"]]);
  });
});

describe('a server that is away', () => {
  class Away extends Error {
    readonly ms: number;
    constructor(ms: number) {
      super(`away ${ms}`);
      this.ms = ms;
    }
  }
  const make = () => {
    const clock = new ManualClock(1_000);
    const pause = new ServerPause({ clock, random: seededRandom(1) }, 1_000, (thrown) =>
      thrown instanceof Away ? thrown.ms : undefined,
    );
    const waits: string[] = [];
    const end = new AbortController();
    const run = (ask: () => Promise<unknown>): Promise<unknown> =>
      pause.run(end.signal, ({ message }) => void waits.push(message), ask as never).catch((error: unknown) => error);
    return { clock, run, waits, end };
  };

  it('is asked by one at a time, after a wait, and by all once it answers', async () => {
    const { clock, run, waits } = make();
    expect(await run(async () => Promise.reject(new Away(0)))).toBeInstanceOf(Away);
    const asked: string[] = [];
    const all = ['a', 'b', 'c'].map((name) =>
      run(async () => {
        asked.push(name);
        return name;
      }),
    );
    await clock.advanceAsync(0);
    expect([asked, waits]).toEqual([[], ['away 0', 'away 0', 'away 0']]);
    await clock.advanceAsync(1_000);
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c']);
    expect(clock.pending).toBe(0);
  });

  it('is left alone for as long as it asked for', async () => {
    const { clock, run } = make();
    await run(async () => Promise.reject(new Away(30_000)));
    let asked = 0;
    const next = run(async () => ++asked);
    await clock.advanceAsync(29_999);
    expect(asked).toBe(0);
    await clock.advanceAsync(2_000);
    expect(await next).toBe(1);
  });

  it('that says no is there', async () => {
    const { run, waits } = make();
    expect(await run(async () => Promise.reject(new Error('no')))).toMatchObject({ message: 'no' });
    expect(await run(async () => 'yes')).toBe('yes');
    expect(waits).toEqual([]);
  });

  it('is waited for by none that was stopped', async () => {
    const { clock, run, end } = make();
    await run(async () => Promise.reject(new Away(0)));
    let asked = 0;
    const next = run(async () => ++asked);
    end.abort(new Error('stopped'));
    await clock.advanceAsync(5_000);
    expect(await next).toMatchObject({ message: 'stopped' });
    expect([asked, clock.pending]).toEqual([0, 0]);
  });
});
