import {
  createMesh,
  type Endpoint,
  type HealthContext,
  type HealthSignal,
  type Random,
  type Service,
  staticResolver,
} from 'fairlead';
import { ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { ejections } from '../support/drive.js';
import { endpoints } from '../support/mesh.js';

interface Own {
  readonly service: Service;
  readonly context: HealthContext;
  readonly clock: ManualClock;
  readonly confirmed: string[];
  readonly closed: string[];
  readonly close: () => Promise<void>;
}

/** A service of four that is watched by a signal of a user's own; `draws` are what chance says. */
function watched(options: Partial<HealthSignal> = {}, draws: readonly number[] = [], closes = true): Own {
  const confirmed: string[] = [];
  const closed: string[] = [];
  let context!: HealthContext;
  const signal: HealthSignal = {
    name: 'mine',
    create: (given) => {
      context = given;
      return {
        record: () => 0,
        probed: () => 0,
        confirmed: ({ spec }) => confirmed.push(spec.id),
        forget: () => {},
        ...(closes && { close: () => closed.push('mine') }),
      };
    },
    ...options,
  };
  const seeded = seededRandom(1);
  const left = [...draws];
  const random: Random = { float: () => left.shift() ?? seeded.float(), below: (n) => seeded.below(n) };
  const clock = new ManualClock();
  const mesh = createMesh({ resolver: staticResolver({ users: endpoints(4) }), clock, random });
  const service = mesh.service('users', { policy: 'round_robin', health: [signal] });
  return { service, context, clock, confirmed, closed, close: () => mesh.close({ deadlineMs: 0 }) };
}

const first = ({ service }: Own): Endpoint => service.endpoints[0]!;

describe('an ejection that a signal asks for', () => {
  it.each([0, -1, Number.NaN])('for %d ms is none', (forMs) => {
    const own = watched();
    const seen = ejections(own.service);
    own.context.eject(first(own), forMs);
    expect(seen).toEqual([]);
    expect(first(own).state).toBe('ready');
  });

  it('of one that is out already changes nothing', () => {
    const own = watched();
    const seen = ejections(own.service);
    own.context.eject(first(own), 1_000, { errors: 7 });
    own.context.eject(first(own), 60_000);
    expect(seen.map(({ forMs, evidence, enforced }) => [forMs, evidence, enforced])).toEqual([
      [1_000, { errors: 7 }, true],
    ]);
    own.clock.advance(1_000);
    expect(first(own).state).toBe('probing');
  });

  it('without evidence, of a signal that explains nothing, has none', () => {
    const own = watched();
    const seen = ejections(own.service);
    own.context.eject(first(own), 1_000);
    expect(seen.map(({ evidence }) => evidence)).toEqual([{}]);
  });
});

describe('enforcementRatio', () => {
  it.each([
    [0.3, 0.299, true],
    [0.3, 0.3, false],
    [0.3, 0.9, false],
    [0, 0, false],
  ])('of %d, where chance says %d: the verdict is carried out: %s', (enforcementRatio, draw, enforced) => {
    const own = watched({ enforcementRatio }, [draw]);
    const seen = ejections(own.service);
    own.context.eject(first(own), 1_000);
    expect(seen.map((event) => [event.enforced, event.refusedBy])).toEqual([
      [enforced, enforced ? undefined : 'enforcement'],
    ]);
    // What was counted is settled either way.
    expect(own.confirmed).toEqual(['e0']);
    expect(first(own).state).toBe(enforced ? 'ejected' : 'ready');
  });

  it('of 1, as by default, asks no chance', () => {
    for (const options of [{}, { enforcementRatio: 1 }]) {
      const own = watched(options, [1, 1, 1]);
      const seen = ejections(own.service);
      own.context.eject(first(own), 1_000);
      expect(seen.map(({ enforced }) => enforced)).toEqual([true]);
    }
  });
});

describe('the end of a service', () => {
  it('closes its signals, those that have nothing to close too', async () => {
    for (const closes of [true, false]) {
      const own = watched({}, [], closes);
      own.context.eject(first(own), 60_000);
      const ended = own.close();
      await own.clock.advanceAsync(1);
      await ended;
      expect(own.closed).toEqual(closes ? ['mine'] : []);
    }
  });
});
