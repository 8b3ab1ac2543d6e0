import {
  createMesh,
  type EndpointSpec,
  FairleadError,
  type Resolver,
  type ResolverSink,
  type ServiceQuery,
} from 'fairlead';
import { fallback, merge } from 'fairlead/sources';
import { ManualClock, seededRandom } from 'fairlead/testing';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';

/** A source in the hands of a test. */
class Hand implements Resolver {
  readonly name: string;
  query: ServiceQuery | undefined;
  sink: ResolverSink | undefined;
  closed = 0;
  #version = 0;

  constructor(name: string) {
    this.name = name;
  }
  watch(query: ServiceQuery, sink: ResolverSink): void {
    this.query = query;
    this.sink = sink;
  }
  close(): void {
    this.closed++;
  }
  /** Lists `host` or `host!`, which is not healthy. */
  list(...hosts: readonly string[]): void {
    this.sink!.snapshot(hosts.map(specOf), String(++this.#version));
  }
  fail(code: 'FAIRLEAD_DISCOVERY' | 'FAIRLEAD_UNLISTED' = 'FAIRLEAD_DISCOVERY'): void {
    this.sink!.error(new FairleadError(code, `${this.name} failed`, { service: 'users' }));
  }
}

function specOf(word: string): EndpointSpec {
  const host = word.replace('!', '');
  const spec = { id: host, host, port: 80, weight: 1, priority: 0, zone: '', tags: [], meta: {} };
  return word.endsWith('!') ? { ...spec, healthy: false } : spec;
}

function world(resolver: Resolver, discovery: Record<string, unknown> = {}) {
  const clock = new ManualClock(1_000);
  const mesh = createMesh({ resolver, clock, random: seededRandom(1) });
  onTestFinished(() => mesh.close());
  const service = mesh.service('users', { discovery });
  const errors: string[] = [];
  service.on('error', ({ message }) => errors.push(message));
  const ids = (): string => service.endpoints.map(({ spec }) => spec.id).join();
  return { service, errors, ids, pass: (ms: number) => clock.advanceAsync(ms), mesh };
}

describe('fallback', () => {
  const pair = (options: Parameters<typeof fallback>[1] = {}) => {
    const [a, b] = [new Hand('a'), new Hand('b')];
    return { a, b, ...world(fallback([{ resolver: a }, { resolver: b }], options)) };
  };

  it('does not use the second source because it answered first', async () => {
    const { a, b, ids, pass } = pair();
    b.list('b1');
    await pass(4_900);
    expect(ids()).toBe('');
    a.list('a1');
    expect(ids()).toBe('a1');
    await pass(60_000);
    expect(ids()).toBe('a1');
  });

  it('uses it when the first has said nothing for as long as its patience', async () => {
    const { b, ids, pass } = pair();
    b.list('b1');
    await pass(5_000);
    expect(ids()).toBe('b1');
  });

  it('hands over when the first is of no use for that long, and returns when it was well for longer', async () => {
    const { a, b, ids, pass } = pair();
    a.list('a1');
    b.list('b1');
    a.list('a1!');
    await pass(4_900);
    expect(ids()).toBe('a1');
    // Well for a moment: the time begins anew.
    a.list('a1');
    a.list();
    await pass(4_900);
    expect(ids()).toBe('');
    await pass(200);
    expect(ids()).toBe('b1');
    a.list('a1');
    await pass(29_000);
    expect(ids()).toBe('b1');
    await pass(1_100);
    expect(ids()).toBe('a1');
  });

  it('hands over when the list of the first is too old, and not for an error alone', async () => {
    const { a, b, ids, pass, errors } = pair({ maxAgeMs: 60_000 });
    a.list('a1');
    b.list('b1');
    a.fail();
    for (let i = 0; i < 11; i++) {
      await pass(5_000);
      b.list('b1');
    }
    expect(ids()).toBe('a1');
    expect(errors).toEqual(["fallback, source 'a': a failed"]);
    for (let i = 0; i < 3; i++) {
      await pass(5_000);
      b.list('b1');
    }
    expect(ids()).toBe('b1');
  });

  it('stays where it is while no source is of use', async () => {
    const { a, b, ids, pass } = pair();
    a.list('a1');
    b.list();
    a.list('a1!');
    await pass(3_600_000);
    expect(ids()).toBe('a1');
    a.list('a1', 'a2');
    expect(ids()).toBe('a1,a2');
  });

  it('returns soon where the source in use is of no use any more either', async () => {
    const { a, b, ids, pass } = pair();
    b.list('b1');
    await pass(5_000);
    b.list('b1!');
    a.list('a1');
    await pass(5_100);
    expect(ids()).toBe('a1');
  });

  it('says that there is no such service where no source knows it, and not before', async () => {
    const { a, b, service } = pair();
    a.fail('FAIRLEAD_UNLISTED');
    expect(service.discovery.error).toMatchObject({ code: 'FAIRLEAD_DISCOVERY' });
    b.fail('FAIRLEAD_UNLISTED');
    expect(service.discovery.error).toMatchObject({ code: 'FAIRLEAD_UNLISTED' });
  });

  it('asks each source what is meant for it: datacenters in order, over one resolver', async () => {
    const consul = new (class extends Hand {
      readonly queries: ServiceQuery[] = [];
      override watch(query: ServiceQuery): void {
        this.queries.push(query);
      }
    })('consul');
    const sources = ['dc1', 'dc2', 'dc3'].map((name) => ({ name, resolver: consul, discovery: { datacenter: name } }));
    const { mesh } = world(fallback(sources), { dc2: { tag: 'standby' } });
    expect(consul.queries.map(({ params }) => params)).toEqual([
      { datacenter: 'dc1' },
      { datacenter: 'dc2', tag: 'standby' },
      { datacenter: 'dc3' },
    ]);
    await mesh.close();
    expect(consul.closed).toBe(1);
  });

  it.each<[unknown, RegExp]>([
    [[], /fallback\.sources is an array: allowed is an array of at least one source/],
    [[{ resolver: {} }], /fallback\.sources\[0\]\.resolver/],
    [
      [{ resolver: new Hand('a') }, { resolver: new Hand('a') }],
      /sources\[1\]\.name is "a": allowed is a name that no/,
    ],
    [[{ resolver: new Hand('a'), misspelt: 1 }], /misspelt is not an option/],
  ])('refuses %j', (sources, message) => {
    expect(() => fallback(sources as never)).toThrow(message);
  });

  it('refuses what is meant for a source that there is not, when the service is made', () => {
    const mesh = createMesh({ resolver: fallback([{ resolver: new Hand('a') }]) });
    expect(() => mesh.service('users', { discovery: { b: {} } })).toThrow(/discovery\.b is not an option: there is a/);
  });
});

describe('merge', () => {
  const pair = (priority = 0) => {
    const [a, b] = [new Hand('a'), new Hand('b')];
    return { a, b, ...world(merge([{ resolver: a }, { resolver: b, priority }])) };
  };

  it('lists all, those of one address once, and by the source that comes first', async () => {
    const { a, b, service } = pair(3);
    a.list('x', 'y!');
    expect(service.endpoints).toHaveLength(0);
    b.list('y', 'z');
    expect(service.endpoints.map(({ spec }) => [spec.id, spec.priority, spec.healthy])).toEqual([
      ['x', 0, undefined],
      ['y', 0, false],
      ['z', 3, undefined],
    ]);
  });

  it('waits for a silent source for its patience, and not for one that failed', async () => {
    const first = pair();
    first.a.list('x');
    await first.pass(1_900);
    expect(first.ids()).toBe('');
    await first.pass(200);
    expect(first.ids()).toBe('x');
    const second = pair();
    second.a.list('x');
    second.b.fail();
    expect(second.ids()).toBe('x');
  });

  it('keeps the part of a source that fails, says which it is, and is as old as that part', async () => {
    const { a, b, ids, pass, errors, service } = pair();
    a.list('x');
    b.list('y');
    await pass(10_000);
    b.fail();
    a.list('x', 'z');
    expect(ids()).toBe('x,y,z');
    expect(errors).toEqual(["merge, source 'b': b failed"]);
    expect(service.discovery.ageMs).toBe(10_000);
  });

  it('calls another of the same id by its source', async () => {
    const { a, b, service } = pair();
    a.list('x');
    b.sink!.snapshot([{ ...specOf('x'), port: 81 }], '1');
    expect(service.endpoints.map(({ spec }) => [spec.id, spec.port])).toEqual([
      ['x', 80],
      ['x@b', 81],
    ]);
  });

  it('has one version for one list, and loses nothing, whatever the sources say in whatever order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.option(fc.subarray(['p', 'q', 'r', 's']))), { maxLength: 30 }),
        (story) => {
          const hands = [new Hand('a'), new Hand('b')];
          const byVersion = new Map<string, string>();
          let last: readonly EndpointSpec[] = [];
          const sink: ResolverSink = {
            snapshot: (specs, version) => {
              const words = JSON.stringify(specs);
              expect(byVersion.get(version) ?? words).toBe(words);
              byVersion.set(version, words);
              last = specs;
            },
            error: () => {},
          };
          const resolver = merge(
            hands.map((hand) => ({ resolver: hand })),
            { patienceMs: 600_000 },
          );
          const context = { clock: new ManualClock(0), random: seededRandom(1) };
          const end = new AbortController();
          resolver.watch({ service: 'users', params: {} }, sink, end.signal, context);
          const lists: (readonly string[] | undefined)[] = [undefined, undefined];
          const spoke = [false, false];
          for (const [second, hosts] of story) {
            const at = Number(second);
            spoke[at] = true;
            if (hosts === null) hands[at]!.fail();
            else {
              lists[at] = hosts;
              hands[at]!.list(...hosts);
            }
          }
          end.abort();
          if (!spoke.every(Boolean)) return;
          const expected = new Set(lists.flatMap((list) => list ?? []));
          expect(last.map(({ host }) => host).sort()).toEqual([...expected].sort());
        },
      ),
    );
  });
});
