import { type Endpoint, Outcome } from 'fairlead';
import { describe, expect, it } from 'vitest';
import type { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';
import type { LeaseHost } from '../../src/picking/lease.js';
import { PartViews } from '../../src/picking/part-views.js';
import type { Part, Router } from '../../src/picking/router.js';
import type { View } from '../../src/picking/view.js';
import { seededRandom } from '../../src/runtime/random.js';

/** Stands for a view: whether it may serve, and what was done to it. */
class FakeView {
  refreshes = 0;
  closes = 0;
  readonly servable: boolean;

  constructor(servable: boolean) {
    this.servable = servable;
  }

  refresh(): void {
    this.refreshes++;
  }
  close(): void {
    this.closes++;
  }
}

interface TestPart extends Part {
  readonly spills: unknown[];
  readonly ends: unknown[];
}

/** Parts by name, of which some can serve; each spills to the next of its list. */
function testParts(chain: readonly string[], well: readonly string[]) {
  const parts = new Map<string, TestPart>();
  for (const name of chain) {
    const part: TestPart = {
      name,
      spills: [],
      ends: [],
      has: () => true,
      spill: (_request, dry) => {
        part.spills.push(dry);
        return parts.get(chain[chain.indexOf(name) + 1] ?? '');
      },
      ended: (...told) => part.ends.push(told),
    };
    parts.set(name, part);
  }
  const owned = new Set<Part>(parts.values());
  const routed: unknown[] = [];
  const router = {
    route: (_request: unknown, dry: unknown) => {
      routed.push(dry);
      return parts.get(chain[0]!);
    },
    owns: (part: Part) => owned.has(part),
  } as unknown as Router;
  const opened: { readonly part: Part; readonly view: FakeView; readonly owner: LeaseHost<LiveEndpoint> }[] = [];
  const closed: View[] = [];
  const host = {
    latestLatencyMs: 12,
    openPart: (_view: View, part: Part, owner: LeaseHost<LiveEndpoint>) => {
      const view = new FakeView(well.includes(part.name));
      opened.push({ part, view, owner });
      return view as unknown as View;
    },
    closeView: (view: View) => closed.push(view),
    finish: () => Outcome.Cancelled,
  };
  const views = new PartViews(host, router);
  const whole = new FakeView(true) as unknown as View;
  const nameOf = (view: View): string =>
    view === whole ? 'anywhere' : opened.find((each) => each.view === (view as unknown))!.part.name;
  const part = (name: string) => parts.get(name)!;
  /** Where a call that is held to a part picks, and where it is said to. */
  const ask = (name: string | undefined) => {
    const held = name === undefined ? undefined : part(name);
    const dry = seededRandom(1);
    const said = views.preview(whole, held, undefined, dry);
    return { picks: nameOf(views.of(whole, held, undefined)), said: [nameOf(said.view), said.part?.name] };
  };
  return { views, whole, part, owned, routed, opened, closed, host, ask };
}

const CHAIN = ['lane', 'arm', 'baseline'];

describe('the part of a service that a call is held to', () => {
  it('is its own while it can serve, and spills count nothing', () => {
    const { ask, part } = testParts(CHAIN, ['lane', 'arm']);
    expect(ask('lane')).toEqual({ picks: 'lane', said: ['lane', 'lane'] });
    expect(part('lane').spills).toEqual([]);
  });

  it('is none where the call is held to none', () => {
    expect(testParts(CHAIN, []).ask(undefined)).toEqual({ picks: 'anywhere', said: ['anywhere', undefined] });
  });

  it('spills to the next that can serve, and is told of it only by a call', () => {
    const { ask, part } = testParts(CHAIN, ['baseline']);
    expect(ask('lane')).toEqual({ picks: 'baseline', said: ['baseline', 'baseline'] });
    // First what is said, by draws of its own; then the call.
    expect(part('lane').spills).toEqual([expect.anything(), undefined]);
    expect(part('arm').spills).toEqual([expect.anything(), undefined]);
  });

  it('is the last of the chain where none can serve: what is not well may answer', () => {
    expect(testParts(CHAIN, []).ask('lane')).toEqual({ picks: 'baseline', said: ['baseline', 'baseline'] });
  });

  it('is anywhere after four spills', () => {
    const long = ['a', 'b', 'c', 'd', 'e'];
    expect(testParts(long, ['d']).ask('a')).toEqual({ picks: 'd', said: ['d', 'd'] });
    expect(testParts(long, ['e']).ask('a')).toEqual({ picks: 'anywhere', said: ['anywhere', undefined] });
  });

  it('is anywhere where the router has forgotten it and holds the call to none', () => {
    const { owned, part, views, whole } = testParts(CHAIN, CHAIN);
    owned.clear();
    views.use({ ...views.router, route: () => undefined } as unknown as Router);
    expect(views.of(whole, part('arm'), undefined)).toBe(whole);
    expect(views.preview(whole, part('arm'), undefined, seededRandom(1))).toEqual({ view: whole, part: undefined });
  });

  it('is routed anew where the router has forgotten it', () => {
    const { ask, owned, part, routed, views, whole } = testParts(CHAIN, ['lane', 'arm']);
    owned.delete(part('arm'));
    expect(ask('arm')).toEqual({ picks: 'lane', said: ['lane', 'lane'] });
    expect(routed).toEqual([expect.anything(), undefined]);
    expect(views.viewOf(whole, part('arm'))).toBeUndefined();
    const forgotten = testParts(CHAIN, CHAIN);
    forgotten.owned.clear();
    expect(forgotten.ask('arm')).toEqual({ picks: 'anywhere', said: ['anywhere', undefined] });
  });
});

describe('the views of parts', () => {
  it('are opened once for each view of the service', () => {
    const { views, whole, part, opened } = testParts(CHAIN, CHAIN);
    const first = views.viewOf(whole, part('lane'));
    expect(views.viewOf(whole, part('lane'))).toBe(first);
    expect(views.viewOf(whole, part('arm'))).not.toBe(first);
    expect(views.viewOf(new FakeView(true) as unknown as View, part('lane'))).not.toBe(first);
    expect(opened.map((each) => each.part.name)).toEqual(['lane', 'arm', 'lane']);
  });

  it('are refreshed with the view that they are of, and closed with it', () => {
    const { views, whole, part, opened, closed } = testParts(CHAIN, CHAIN);
    const other = new FakeView(true) as unknown as View;
    views.refresh(whole);
    views.forget(whole);
    for (const view of [whole, other]) views.viewOf(view, part('lane'));
    views.viewOf(whole, part('arm'));
    views.refresh(whole);
    expect(opened.map(({ view }) => view.refreshes)).toEqual([1, 0, 1]);
    views.forget(whole);
    expect(opened.map(({ view }) => view.closes)).toEqual([1, 0, 1]);
    expect(closed).toEqual([opened[0]!.view, opened[2]!.view]);
    views.close();
    expect(opened.map(({ view }) => view.closes)).toEqual([1, 1, 1]);
    // And opened anew for a call that comes later all the same.
    views.viewOf(whole, part('lane'));
    expect(opened).toHaveLength(4);
  });

  it('go with the parts that another router has not', () => {
    const { views, whole, part, opened, owned, routed } = testParts(CHAIN, CHAIN);
    for (const name of CHAIN) views.viewOf(whole, part(name));
    const lane = part('lane');
    const next = { ...views.router, owns: (each: Part) => each === lane, route: () => lane } as Router;
    views.use(next);
    expect(views.router).toBe(next);
    expect(opened.map(({ view }) => view.closes)).toEqual([0, 1, 1]);
    expect(views.of(whole, part('arm'), undefined)).toBe(opened[0]!.view);
    expect(routed).toEqual([]);
    expect(owned.size).toBe(3);
  });

  it('tell their part how a call of theirs ended, as the service counts it', () => {
    const { views, whole, part, opened } = testParts(CHAIN, CHAIN);
    views.viewOf(whole, part('lane'));
    const endpoint = { spec: { id: 'e0' } } as unknown as LiveEndpoint & Endpoint;
    const counted = opened[0]!.owner.finish({}, endpoint, 1, Outcome.Timeout, 5);
    expect(counted).toBe(Outcome.Cancelled);
    expect(part('lane').ends).toEqual([[endpoint, Outcome.Cancelled, 12]]);
    expect(part('arm').ends).toEqual([]);
  });
});
