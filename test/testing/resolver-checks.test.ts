import type { Resolver } from 'fairlead';
import {
  ManualClock,
  type ResolverStage,
  type ResolverTraits,
  resolverChecks,
  type StagedInstance,
  seededRandom,
} from 'fairlead/testing';
import { describe, expect, it } from 'vitest';

type Sink = Parameters<Resolver['watch']>[1];
type Specs = Parameters<Sink['snapshot']>[0];

/** A source in memory that does what a resolver should; to be spoiled in one way at a time. */
class Source {
  readonly clock = new ManualClock();
  /** Undefined until something is registered. */
  listed: readonly StagedInstance[] | undefined;
  version = 0;
  isAway = false;
  isClosed = false;
  readonly sinks = new Set<Sink>();

  readonly stage: ResolverStage = {
    resolver: { name: 'source', watch: (query, sink, signal) => this.watch(sink, signal, query.service) },
    query: { service: 'users', params: {} },
    context: { clock: this.clock, random: seededRandom(1) },
    list: (instances) => {
      this.listed = instances;
      this.version++;
      if (!this.isAway) this.tellAll();
    },
    fail: () => {
      this.isAway = true;
      for (const sink of this.sinks) this.failed(sink);
    },
    restore: () => {
      this.isAway = false;
      this.tellAll();
    },
    lie: () => this.lied(),
    turn: async () => {},
    close: () => {
      this.isClosed = true;
    },
  };

  watch(sink: Sink, signal: AbortSignal, _service: string): void {
    this.sinks.add(sink);
    signal.addEventListener('abort', () => this.sinks.delete(sink));
    this.tell(sink);
  }

  tellAll(): void {
    for (const sink of this.sinks) this.tell(sink);
  }

  tell(sink: Sink): void {
    const specs = this.seen(this.listed ?? []).map((each) => ({ priority: 0, ...each }));
    try {
      sink.snapshot(specs as unknown as Specs, String(this.version));
    } catch {}
  }

  failed(sink: Sink): void {
    sink.error(new Error('the registry is away'));
  }

  lied(): void {}

  seen(listed: readonly StagedInstance[]): readonly StagedInstance[] {
    return listed;
  }
}

/** What one check says of a source; undefined where it finds nothing. */
async function verdict(name: string, make: () => Source, traits: ResolverTraits = {}): Promise<string | undefined> {
  let source: Source | undefined;
  const stage = (): ResolverStage => {
    source = make();
    return source.stage;
  };
  const check = resolverChecks(stage, traits).find((each) => each.name === name);
  if (check === undefined) return 'not asked';
  const said = await check.run().then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  expect(source?.isClosed).toBe(true);
  if (said !== undefined) expect(said).toMatchObject({ name: 'AssertionError', operator: 'resolverChecks' });
  return said?.message;
}

const REPORTS = 'reports what is registered, in a form that a service takes';
const MOVES = 'reports arrivals, departures and an instance that moved';
const UNHEALTHY = 'reports an instance that is registered and unhealthy as unhealthy, not as absent';
const DEPARTURE = 'takes deregistration alone for a departure, of a healthy instance and of an unhealthy one';
const ALL_SICK = 'reports all of them as unhealthy when all are, and as healthy when they are again';
const VERSIONS = 'gives a changed list another version, and repeats a version for the same list only';
const EACH = 'reports to each that watches, whenever it began, and goes on for the others when one stops';
const ABORTED = 'calls nothing once the signal has aborted';
const TIMERS = 'waits by the clock of the context alone, and leaves no timer behind';
const THROWS = 'is not stopped by a sink that throws, nor are the others that watch';
const NOBODY = 'says of a service that nobody registered that there is none, by an empty list or an error';
const LIES = 'does not empty its list because a registry says once that there is nothing';
const OUTAGE = 'keeps the list through an outage, says that it failed, and is right after it';

const ALL = [REPORTS, MOVES, UNHEALTHY, DEPARTURE, ALL_SICK, VERSIONS, EACH, ABORTED, TIMERS, THROWS];
const LAST = [NOBODY, LIES, OUTAGE];

describe('the checks of a resolver', () => {
  it.each([...ALL, ...LAST])('find that it %s', async (name) => {
    expect(await verdict(name, () => new Source())).toBeUndefined();
  });

  it('are these, and fewer of a source that knows nothing of health', () => {
    const names = (traits: ResolverTraits) => resolverChecks(() => new Source().stage, traits).map(({ name }) => name);
    expect(names({})).toEqual([...ALL, ...LAST]);
    expect(names({ health: false })).toEqual(
      [...ALL, ...LAST].filter((name) => ![UNHEALTHY, DEPARTURE, ALL_SICK].includes(name)),
    );
    expect(() => names({ helth: false } as never)).toThrow(/resolverChecks\.helth is not an option/);
  });

  it('ask nothing about outages and lies of a source that can neither be made to fail nor to lie', async () => {
    const asked: string[] = [];
    class Counted extends Source {
      constructor() {
        super();
        Object.assign(this.stage, { fail: undefined, restore: undefined, lie: undefined });
      }
      override watch(sink: Sink, signal: AbortSignal): void {
        asked.push('watched');
        super.watch(sink, signal, '');
      }
    }
    for (const name of [LIES, OUTAGE]) expect(await verdict(name, () => new Counted())).toBeUndefined();
    expect(asked).toEqual([]);
  });

  const A = 'i1=127.0.0.1:5001 weight 1 in z1 tagged t1 of o1';
  const B = 'i2=127.0.0.2:5001 weight 2 in z0 tagged t2 of o2';
  const C = 'i3=127.0.0.3:5001 weight 3 in z1 tagged t3 of o3';
  const D = 'i4=127.0.0.4:5001 weight 4 in z0 tagged t4 of o4';

  it.each<[what: string, name: string, says: string, make: () => Source]>([
    [
      'reports nothing at all',
      REPORTS,
      `Registered is ${A}, ${B}, ${C}, ${D}, but it reported no list.`,
      () =>
        new (class extends Source {
          override tell(): void {}
        })(),
    ],
    [
      'reports nothing but an error',
      REPORTS,
      `Registered is ${A}, ${B}, ${C}, ${D}, but it reported no list; its last error is: the registry is away.`,
      () =>
        new (class extends Source {
          override tell(sink: Sink): void {
            this.failed(sink);
          }
        })(),
    ],
    [
      'reports what a service refuses',
      REPORTS,
      'A service refuses what it reports: ',
      () =>
        new (class extends Source {
          // What is compared are id, address and labels.
          override seen(listed: readonly StagedInstance[]): readonly StagedInstance[] {
            return listed.map((each) => ({ ...each, priority: -1 }));
          }
        })(),
    ],
    [
      'reports its first list only',
      MOVES,
      `Registered is ${A}, ${B}, ${C}, ${D}, but its last list is ${A}, ${B}, ${C}.`,
      () =>
        new (class extends Source {
          override tellAll(): void {
            if (this.version === 1) super.tellAll();
          }
        })(),
    ],
    [
      'forgets nobody',
      MOVES,
      `Registered is ${A}, ${C}, ${D}, but its last list is ${A}, ${B}, ${C}, ${D}.`,
      () =>
        new (class extends Source {
          readonly #seen = new Map<string, StagedInstance>();
          override seen(listed: readonly StagedInstance[]): readonly StagedInstance[] {
            for (const each of listed) this.#seen.set(each.id, each);
            return [...this.#seen.values()];
          }
        })(),
    ],
    [
      'knows addresses by the id that had them first',
      MOVES,
      `Registered is ${A.replace('0.1:', '0.9:')}, ${C}, ${D}, but its last list is ${A}, ${C}, ${D}.`,
      () =>
        new (class extends Source {
          readonly #hosts = new Map<string, string>();
          override seen(listed: readonly StagedInstance[]): readonly StagedInstance[] {
            return listed.map((each) => {
              const host = this.#hosts.get(each.id) ?? each.host;
              this.#hosts.set(each.id, host);
              return { ...each, host };
            });
          }
        })(),
    ],
    [
      'leaves out what is unhealthy',
      UNHEALTHY,
      `Registered is ${A}, ${B}, ${C} unhealthy, but its last list is ${A}, ${B}.`,
      () =>
        new (class extends Source {
          override seen(listed: readonly StagedInstance[]): readonly StagedInstance[] {
            return listed.filter(({ healthy }) => healthy);
          }
        })(),
    ],
    [
      'keeps what is unhealthy when it is gone',
      DEPARTURE,
      `Registered is ${A}, ${B}, ${C}, but its last list is ${A}, ${B}, ${C}, ${D} unhealthy.`,
      () =>
        new (class extends Source {
          readonly #sick = new Map<string, StagedInstance>();
          override seen(listed: readonly StagedInstance[]): readonly StagedInstance[] {
            for (const each of listed) if (!each.healthy) this.#sick.set(each.id, each);
            return [...listed, ...[...this.#sick.values()].filter((each) => !listed.some(({ id }) => id === each.id))];
          }
        })(),
    ],
    [
      'takes all for well where none is',
      ALL_SICK,
      `Registered is ${A} unhealthy, ${B} unhealthy, ${C} unhealthy, but its last list is ${A}, ${B}, ${C}.`,
      () =>
        new (class extends Source {
          override seen(listed: readonly StagedInstance[]): readonly StagedInstance[] {
            return listed.some(({ healthy }) => healthy) ? listed : listed.map((each) => ({ ...each, healthy: true }));
          }
        })(),
    ],
    [
      'has one version for all lists',
      VERSIONS,
      "Version '0' stands for two lists.",
      () =>
        new (class extends Source {
          override tell(sink: Sink): void {
            this.version = 0;
            super.tell(sink);
          }
        })(),
    ],
    [
      'reports changes to the first alone',
      EACH,
      `Registered is ${A}, ${B}, ${C}, ${D}, but its last list is ${A}, ${B}, ${C}.`,
      () =>
        new (class extends Source {
          first: Sink | undefined;
          override watch(sink: Sink, signal: AbortSignal): void {
            this.first ??= sink;
            super.watch(sink, signal, '');
          }
          override tellAll(): void {
            if (this.first !== undefined) this.tell(this.first);
          }
        })(),
    ],
    [
      'reports nothing to one that begins later',
      EACH,
      `Registered is ${A}, ${B}, ${C}, but it reported no list.`,
      () =>
        new (class extends Source {
          override tell(sink: Sink): void {
            if ([...this.sinks][0] === sink) super.tell(sink);
          }
        })(),
    ],
    [
      'goes on after the end',
      ABORTED,
      'It called a sink 1 times after the signal aborted.',
      () =>
        new (class extends Source {
          override watch(sink: Sink): void {
            super.watch(sink, new AbortController().signal, '');
          }
        })(),
    ],
    [
      'reports errors after the end',
      ABORTED,
      'It called a sink 1 times after the signal aborted.',
      () =>
        new (class extends Source {
          override watch(sink: Sink, signal: AbortSignal): void {
            super.watch(sink, signal, '');
            signal.addEventListener('abort', () => this.failed(sink));
          }
        })(),
    ],
    [
      'leaves timers behind',
      TIMERS,
      'It left 2 timers behind.',
      () =>
        new (class extends Source {
          override watch(sink: Sink, signal: AbortSignal): void {
            super.watch(sink, signal, '');
            for (const delayMs of [10, 20]) this.clock.after(delayMs, () => {});
          }
        })(),
    ],
    [
      'ends a watch whose sink throws',
      THROWS,
      `Registered is ${A}, ${B}, ${C}, ${D}, but its last list is ${A}, ${B}, ${C}.`,
      () =>
        new (class extends Source {
          // The first that throws keeps the rest from being told.
          override tellAll(): void {
            try {
              for (const sink of this.sinks) sink.snapshot(this.listed as unknown as Specs, `${this.version}`);
            } catch {}
          }
        })(),
    ],
    [
      'is silent about a service that there is not',
      NOBODY,
      'It reported neither a list nor an error.',
      () =>
        new (class extends Source {
          override tell(sink: Sink): void {
            if (this.listed !== undefined) super.tell(sink);
          }
        })(),
    ],
    [
      'makes up endpoints',
      NOBODY,
      'It reported endpoints that nobody registered.',
      () =>
        new (class extends Source {
          override tell(sink: Sink): void {
            if (this.listed !== undefined) super.tell(sink);
            else sink.snapshot([{ id: 'made-up', host: '127.0.0.1', port: 1 }] as unknown as Specs, '0');
          }
        })(),
    ],
    [
      'believes a lie',
      LIES,
      'It reported an empty list, which nothing had confirmed.',
      () =>
        new (class extends Source {
          override lied(): void {
            for (const sink of this.sinks) sink.snapshot([], 'lie');
            this.tellAll();
          }
        })(),
    ],
    [
      'says nothing of an outage',
      OUTAGE,
      'It reported no error.',
      () =>
        new (class extends Source {
          override failed(): void {}
        })(),
    ],
    [
      'empties its list in an outage',
      OUTAGE,
      `Registered is ${A}, ${B}, ${C}, but its last list is (none); its last error is: the registry is away.`,
      () =>
        new (class extends Source {
          override failed(sink: Sink): void {
            sink.snapshot([], 'away');
            super.failed(sink);
          }
        })(),
    ],
  ])('find one that %s', async (_what, name, says, make) => {
    expect(await verdict(name, make)).toContain(says);
  });

  it.each<[ResolverTraits, (each: StagedInstance) => StagedInstance]>([
    [{ ids: false }, (each) => ({ ...each, id: `${each.host}:${each.port}` })],
    [{ weights: false }, (each) => ({ ...each, weight: 1 })],
    [{ labels: false }, (each) => ({ ...each, zone: '', tags: [], meta: {} })],
  ])('compare nothing that a source does not know: %j', async (traits, known) => {
    class Unknowing extends Source {
      override seen(listed: readonly StagedInstance[]): readonly StagedInstance[] {
        return listed.map(known);
      }
    }
    expect(await verdict(REPORTS, () => new Unknowing(), traits)).toBeUndefined();
    expect(await verdict(REPORTS, () => new Unknowing())).toMatch(/^Registered is .*, but its last list is/);
  });

  it('find no fault with a source that has no versions, or says a list twice', async () => {
    class Unversioned extends Source {
      override tell(sink: Sink): void {
        sink.snapshot((this.listed ?? []).map((each) => ({ priority: 0, ...each })) as unknown as Specs, '');
      }
    }
    class Twice extends Source {
      override tell(sink: Sink): void {
        super.tell(sink);
        super.tell(sink);
      }
    }
    expect(await verdict(VERSIONS, () => new Unversioned())).toBeUndefined();
    expect(await verdict(VERSIONS, () => new Twice())).toBeUndefined();
  });

  it('take an unhealthy one for well where a source knows nothing of health', async () => {
    class Sick extends Source {
      override seen(listed: readonly StagedInstance[]): readonly StagedInstance[] {
        return listed.map((each) => ({ ...each, healthy: false }));
      }
    }
    expect(await verdict(REPORTS, () => new Sick(), { health: false })).toBeUndefined();
    expect(await verdict(REPORTS, () => new Sick())).toContain('unhealthy');
  });
});
