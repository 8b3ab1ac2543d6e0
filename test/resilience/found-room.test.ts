import { Outcome } from 'fairlead';
import { describe, expect, it } from 'vitest';
import type { AcquireRequest } from '../../src/picking/lease.js';
import { EndpointGates } from '../../src/resilience/endpoint-gates.js';
import { Gate } from '../../src/resilience/gate.js';

const named = (id: string): never => ({ spec: { id } }) as never;

/**
 * Gates of one call each over so many endpoints; picked is the first that was not tried, or the
 * one that is preferred.
 */
function make(count: number) {
  const all = Array.from({ length: count }, (_, i) => named(`e${i}`) as { spec: { id: string } });
  const asked: AcquireRequest[] = [];
  const cancelled: string[] = [];
  const refused: string[] = [];
  const source = {
    rotation: {},
    foundSession: false,
    acquire: (request: AcquireRequest = {}) => {
      asked.push({ ...request, ...(request.tried && { tried: [...request.tried] }) });
      const free = all.filter((each) => request.tried?.includes(each as never) !== true);
      const endpoint = all.find(({ spec }) => spec.id === request.prefer) ?? free[0] ?? all[0]!;
      return {
        endpoint,
        done: (outcome: Outcome) => outcome === Outcome.Cancelled && cancelled.push(endpoint.spec.id),
      };
    },
    settle: () => {},
  };
  const gates = new EndpointGates(
    {},
    () => new Gate({ maxInflight: 1 }),
    () => {},
    ({ spec }) => refused.push(spec.id),
  );
  const fill = (ids: readonly string[], nowMs = 0): void => {
    for (const each of all) if (ids.includes(each.spec.id)) gates.of(each as never).tryEnter(nowMs);
  };
  const acquire = (request?: AcquireRequest, nowMs = 0): string | undefined =>
    gates.acquire(source as never, request, nowMs)?.endpoint.spec.id;
  const end = (id: string): void => {
    const endpoint = all.find(({ spec }) => spec.id === id) as never;
    gates.of(endpoint).leave(Outcome.Success, 0, 0, 0);
    gates.left(endpoint);
  };
  return { gates, source, asked, cancelled, refused, all, fill, acquire, end };
}
const ids = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `e${from + i}`);

describe('a call at endpoints with limits', () => {
  it('takes the first that has room, and gives back those that had none', () => {
    const { fill, acquire, cancelled, refused, asked, gates, all } = make(4);
    fill(['e0', 'e1']);
    expect(acquire()).toBe('e2');
    expect([cancelled, refused]).toEqual([
      ['e0', 'e1'],
      ['e0', 'e1'],
    ]);
    expect(asked).toHaveLength(3);
    expect(gates.of(all[2] as never).inflight).toBe(1);
  });

  it('is picked on with what it asked for, and avoids what it tried before', () => {
    const { fill, acquire, asked, all } = make(4);
    fill(['e1']);
    const tried = [all[0]] as never;
    expect(acquire({ key: 'k', tried })).toBe('e2');
    expect(asked[1]).toMatchObject({ key: 'k', tried: [all[0], all[1]], beside: false });
    expect(tried).toEqual([all[0]]);
  });

  it('goes where it was tried before, rather than nowhere', () => {
    const { fill, acquire, all } = make(2);
    fill(['e1']);
    expect(acquire({ tried: [all[0]] as never })).toBe('e0');
  });

  it.each([
    [true, false, true],
    [false, true, true],
    [false, false, false],
  ])('is beside its session where it was (%s) or where that was found (%s)', (beside, foundSession, isBeside) => {
    const { fill, acquire, asked, source } = make(2);
    fill(['e0']);
    source.foundSession = foundSession;
    expect(acquire({ key: 'k', beside })).toBe('e1');
    expect(asked[1]!.beside).toBe(isBeside);
  });

  it('is refused where none has room, and so are those that come after it, without a pick', () => {
    const { fill, acquire, asked, gates } = make(3);
    fill(ids(0, 3));
    expect(acquire()).toBeUndefined();
    expect(gates.refusal).toMatchObject({ reason: 'too_many_calls', endsWithACall: true, at: undefined });
    const before = asked.length;
    expect(acquire()).toBeUndefined();
    expect(asked).toHaveLength(before);
  });

  it('is looked for anew once a call ended, or where the rotation is another', () => {
    const { fill, acquire, end, asked, source } = make(3);
    fill(ids(0, 3));
    acquire();
    const before = asked.length;
    source.rotation = {};
    expect(acquire()).toBeUndefined();
    expect(asked.length).toBeGreaterThan(before);
    end('e1');
    expect(acquire()).toBe('e1');
  });

  it('waits for the one endpoint that it may go to, where no other is picked for it', () => {
    const { fill, gates, source, all } = make(1);
    fill(['e0']);
    const { acquire } = source;
    let picks = 0;
    source.acquire = (request) => {
      if (picks++ > 0) throw new Error('its session stays');
      return acquire(request);
    };
    expect(gates.acquire(source as never, { key: 'k' }, 0)).toBeUndefined();
    expect(gates.refusal.at).toBe(all[0]);
  });

  it('may go to any of those that it was refused by, where there were two', () => {
    const { fill, gates, source } = make(2);
    fill(ids(0, 2));
    const { acquire } = source;
    let picks = 0;
    source.acquire = (request) => {
      if (picks++ > 1) throw new Error('there is no other');
      return acquire(request);
    };
    expect(gates.acquire(source as never, undefined, 0)).toBeUndefined();
    expect(gates.refusal.at).toBeUndefined();
  });
});

describe('a call at many endpoints that are nearly all full', () => {
  it('goes where a call ended last, if that was not asked already', () => {
    const { fill, acquire, end, gates, all } = make(40);
    fill(ids(0, 40));
    end('e30');
    expect(acquire()).toBe('e30');
    expect(gates.of(all[30] as never).inflight).toBe(1);
  });

  it('is refused where there is no room either by now, and gives that back', () => {
    const { fill, acquire, end, cancelled, gates } = make(40);
    fill(ids(0, 40));
    end('e30');
    fill(['e30']);
    expect(acquire()).toBeUndefined();
    expect(cancelled.at(-1)).toBe('e30');
    expect(gates.refusal.roomAtMs).toBe(10);
  });

  it('is refused where the pick does not go where it should', () => {
    const { fill, end, source, gates, all, cancelled } = make(40);
    fill(ids(0, 40));
    end('e30');
    end('e31');
    gates.left(all[30] as never);
    const { acquire } = source;
    source.acquire = (request) => acquire(request?.prefer === 'e30' ? { prefer: 'e31' } : request);
    expect(gates.acquire(source as never, undefined, 0)).toBeUndefined();
    expect(cancelled.at(-1)).toBe('e31');
    expect(gates.of(all[31] as never).inflight).toBe(0);
  });

  it.each([{ key: 'k' }, { prefer: 'e0' }, { key: 'k', prefer: 'e0' }])(
    'is not sent there where it asks for its own: %j',
    (request) => {
      const { fill, acquire, end } = make(40);
      fill(ids(0, 40));
      end('e30');
      expect(acquire(request)).toBeUndefined();
    },
  );

  it('looks at sixteen, and again after a millisecond', () => {
    const { fill, acquire, asked } = make(40);
    fill(ids(0, 40));
    acquire();
    expect(asked).toHaveLength(16);
    acquire(undefined, 0.9);
    expect(asked).toHaveLength(16);
    acquire(undefined, 1);
    expect(asked).toHaveLength(32);
  });

  it('forgets the oldest findings with the sixty-fifth source', () => {
    const { fill, gates, source } = make(1);
    fill(['e0']);
    let picks = 0;
    const sourceOf = (): typeof source => ({
      ...source,
      acquire: (request) => {
        picks++;
        return source.acquire(request);
      },
    });
    const sources = Array.from({ length: 65 }, sourceOf);
    const askAll = (): void => sources.forEach((each) => void gates.acquire(each as never, undefined, 0));
    sources.slice(0, 64).forEach((each) => void gates.acquire(each as never, undefined, 0));
    const first = picks;
    sources.slice(0, 64).forEach((each) => void gates.acquire(each as never, undefined, 0));
    expect(picks).toBe(first);
    gates.acquire(sources[64] as never, undefined, 0);
    askAll();
    expect(picks).toBeGreaterThan(first + 64);
  });
});

describe('the gates of endpoints', () => {
  it('are made once each, and renewed when the options are others', () => {
    const made: string[] = [];
    const renewed: unknown[] = [];
    const [before, after] = [{}, {}];
    const gates = new EndpointGates(
      before,
      ({ spec }) => {
        made.push(spec.id);
        return new Gate({ maxInflight: 1 });
      },
      ({ spec }, gate, madeBy) => renewed.push([spec.id, gate.inflight, madeBy === before]),
      () => {},
    );
    const a = named('a');
    const gate = gates.of(a);
    gate.tryEnter(0);
    expect(gates.of(a)).toBe(gate);
    gates.reconfigure(after);
    expect([gates.of(a), gates.of(a)]).toEqual([gate, gate]);
    expect([made, renewed]).toEqual([['a'], [['a', 1, true]]]);
  });

  it('shut no endpoint that was never asked for, and one whose breaker is open', () => {
    const gates = new EndpointGates(
      {},
      () => new Gate({ breaker: { admits: (nowMs: number) => nowMs >= 5 } as never }),
      () => {},
      () => {},
    );
    const a = named('a');
    expect(gates.isShut(a, 0)).toBe(false);
    gates.of(a);
    expect([gates.isShut(a, 0), gates.isShut(a, 5)]).toEqual([true, false]);
  });
});
