import { Outcome, type Policy } from 'fairlead';
import { describe, expect, it } from 'vitest';
import type { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';
import type { View } from '../../src/picking/view.js';
import { Views } from '../../src/picking/view-set.js';

const policy = (name: string, decayMs?: number, needsLatency = decayMs !== undefined): Policy =>
  ({ name, needsLatency, ...(decayMs !== undefined && { decayMs }) }) as Policy;

interface ViewTraits {
  readonly goesByService?: boolean;
  readonly observes?: boolean;
  readonly fails?: boolean;
}

/** Stands for a view, and notes what it was asked. */
function fakeView(of: Policy, { goesByService = true, observes = false, fails = false }: ViewTraits = {}) {
  const asked: unknown[] = [];
  const view = {
    policy: of,
    goesByService,
    observes,
    refresh: () => {
      asked.push('refresh');
      if (fails) throw new Error(`of ${of.name}`);
    },
    observe: () => {
      asked.push('observe');
      if (fails) throw new Error(`of ${of.name}`);
    },
    prepare: (next: Policy) => `pickers of ${next.name}`,
    adopt: (next: Policy, pickers: unknown) => {
      asked.push([next.name, pickers]);
      view.policy = next;
      view.observes = next.name === 'observing';
    },
    close: () => asked.push('close'),
  };
  return { view: view as unknown as View, asked };
}

function testViews(timed = false) {
  const failures: string[] = [];
  const events = { emit: (_name: 'error', { message }: Error) => void failures.push(message) };
  return { views: new Views({ name: 'users', events }, timed), failures };
}

describe('the views of one service', () => {
  it('read the clock where asked to, where calls time out, and while figures are read', () => {
    expect(testViews(true).views.timed).toBe(true);
    const { views } = testViews();
    expect(views.timed).toBe(false);
    views.measureWhile(true);
    expect(views.timed).toBe(true);
    views.measureWhile(false);
    expect(views.timed).toBe(false);
    views.want(true);
    expect(views.timed).toBe(true);
    views.want(false);
    expect(views.timed).toBe(false);
    views.measure();
    views.measureWhile(false);
    expect(views.timed).toBe(true);
  });

  it('read the clock where a policy needs it, by its time constant or that of all', () => {
    const { views } = testViews();
    views.admit(policy('turns'));
    expect([views.timed, views.decayMs]).toEqual([false, 10_000]);
    views.admit(policy('latency', 500));
    expect([views.timed, views.decayMs]).toEqual([true, 500]);
    const others = testViews().views;
    others.admit(policy('latency', undefined, true));
    expect([others.timed, others.decayMs]).toEqual([true, 10_000]);
  });

  it('refuse a policy that measures otherwise than the others, and say with what', () => {
    const { views } = testViews();
    views.admit(policy('latency', 500));
    views.admit(policy('same', 500));
    expect(() => views.admit(policy('other', 700))).toThrow(
      expect.objectContaining({
        code: 'FAIRLEAD_CONFLICT',
        service: 'users',
        message:
          "Policy other of a subset of 'users' wants decayMs 700, but the service measures with 500: give both the same.",
      }),
    );
    expect(views.decayMs).toBe(500);
  });

  it('change the policy of those that go by the service, once that is made so', () => {
    const { views } = testViews();
    const own = fakeView(policy('turns'));
    const subset = fakeView(policy('own'), { goesByService: false });
    for (const { view } of [own, subset]) views.add(view);
    const { adopt } = views.change(policy('latency', 300), undefined);
    expect([views.timed, own.asked]).toEqual([false, []]);
    adopt(false);
    expect([views.timed, views.decayMs]).toEqual([true, 300]);
    expect(own.asked).toEqual([['latency', 'pickers of latency']]);
    expect(subset.asked).toEqual([]);
    views.change(policy('turns'), undefined).adopt(false);
    expect([views.timed, views.decayMs]).toEqual([false, 10_000]);
    views.change(policy('turns'), undefined).adopt(true);
    expect(views.timed).toBe(true);
  });

  it('keep the policy of all where a subset measures otherwise', () => {
    const { views } = testViews();
    const own = fakeView(policy('latency', 500));
    for (const { view } of [own, fakeView(policy('a', 500), { goesByService: false })]) views.add(view);
    views.admit(policy('latency', 500));
    expect(() => views.change(policy('next', 700), undefined)).toThrow(
      /Policy next .* wants decayMs 700, but the service measures with 500/,
    );
    // What goes by the service does not hold it to what it was.
    views.add(fakeView(policy('turns'), { goesByService: false }).view);
    views.change(policy('next', 500), undefined).adopt(false);
    expect(views.decayMs).toBe(500);
  });

  it('tell the end of a call to those that keep statistics, while they are there and do', () => {
    const { views } = testViews();
    const [deaf, observing, gone] = [
      fakeView(policy('deaf')),
      fakeView(policy('observing'), { observes: true }),
      fakeView(policy('gone'), { observes: true }),
    ];
    for (const { view } of [deaf, observing, gone]) views.add(view);
    views.delete(gone.view);
    const end = () => views.observe({} as LiveEndpoint, Outcome.Success, 1, 2);
    end();
    expect([deaf.asked, observing.asked, gone.asked]).toEqual([[], ['observe'], []]);
    views.change(policy('turns'), undefined).adopt(false);
    end();
    expect(observing.asked).toEqual(['observe', ['turns', 'pickers of turns']]);
  });

  it('go on where the policy of one throws, and tell of it', () => {
    const { views, failures } = testViews();
    const well = fakeView(policy('well'), { observes: true });
    views.add(fakeView(policy('sick'), { observes: true, fails: true }).view);
    views.add(well.view);
    views.refresh();
    views.observe({} as LiveEndpoint, Outcome.Success, 1, 2);
    views.close();
    expect(well.asked).toEqual(['refresh', 'observe', 'close']);
    expect(failures).toEqual(['of sick', 'of sick']);
  });
});
