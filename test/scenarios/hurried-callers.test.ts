import { type Endpoint, Outcome, type PolicySpec, type ServiceOptions } from 'fairlead';
import { seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

interface Traffic {
  /** How long the n-th call may take. */
  readonly deadlineMs: (call: number) => number;
  /** What a healthy server takes. */
  readonly answerMs: () => number;
  readonly callsPerSecond: number;
  readonly seconds: number;
}

/** Three servers, of which the first may hang, called at an even rate. */
class Scenario {
  readonly #test: ReturnType<typeof testMesh>;
  readonly users: ReturnType<ReturnType<typeof testMesh>['mesh']['service']>;
  readonly ejected: { id: string; atMs: number }[] = [];
  hangs = false;
  /** Calls that reached the first server. */
  reached = 0;

  constructor(options: ServiceOptions) {
    this.#test = testMesh({ users: endpoints(3) });
    this.users = this.#test.mesh.service('users', options);
    this.users.on('ejected', ({ endpoint, enforced }) => {
      if (enforced) this.ejected.push({ id: endpoint.spec.id, atMs: this.#test.clock.now() });
    });
  }

  async run({ deadlineMs, answerMs, callsPerSecond, seconds }: Traffic): Promise<void> {
    const { clock } = this.#test;
    for (let call = 0; call < callsPerSecond * seconds; call++) {
      const serve = (endpoint: Endpoint): Promise<void> =>
        new Promise((resolve) => {
          const first = endpoint.spec.id === 'e0';
          if (first) this.reached++;
          if (!(first && this.hangs)) clock.after(answerMs(), resolve);
        });
      void this.users.call(serve, { deadlineMs: deadlineMs(call) }).catch(() => {});
      await clock.advanceAsync(1_000 / callsPerSecond);
    }
  }

  /**
   * From now on the first server hangs. Which share of the calls goes there in the third second?
   */
  async shareAfterTwoSeconds(traffic: Omit<Traffic, 'seconds'>): Promise<number> {
    this.hangs = true;
    await this.run({ ...traffic, seconds: 2 });
    this.reached = 0;
    await this.run({ ...traffic, seconds: 1 });
    return this.reached / traffic.callsPerSecond;
  }
}

const policies: PolicySpec[] = ['round_robin', 'peak_ewma', 'least_request'];

describe.each(policies)('callers without time left (%s)', (policy) => {
  it('eject no healthy server, though nine of ten calls have a millisecond', async () => {
    const scenario = new Scenario({ policy });
    const random = seededRandom(3);
    const deadlineMs = (call: number): number => (call % 10 === 0 ? 1_000 : 1);
    await scenario.run({ deadlineMs, answerMs: () => 3 + random.float() * 10, callsPerSecond: 200, seconds: 30 });
    expect(scenario.ejected).toEqual([]);
    expect(scenario.users.endpoints.map(({ failures }) => failures)).toEqual([0, 0, 0]);
  });

  it('eject no healthy server at the start, when nothing is known of its answers', async () => {
    const scenario = new Scenario({ policy });
    await scenario.run({ deadlineMs: () => 1, answerMs: () => 5, callsPerSecond: 1_000, seconds: 1 });
    expect(scenario.ejected).toEqual([]);
  });

  it('do not keep a server that hangs from being out within two seconds', async () => {
    const scenario = new Scenario({ policy });
    const deadlineMs = (call: number): number => (call % 2 === 0 ? 1_000 : 1);
    const traffic = { deadlineMs, answerMs: () => 5, callsPerSecond: 100 };
    await scenario.run({ ...traffic, seconds: 5 });
    expect(await scenario.shareAfterTwoSeconds(traffic)).toBeLessThan(0.05);
    expect(scenario.ejected.filter(({ id }) => id !== 'e0')).toEqual([]);
  });
});

describe.each(policies)('where all callers are in a hurry (%s)', (policy) => {
  it.each([
    ['with time enough for nearly all answers', 20],
    ['with time for eight of ten answers', 8],
    ['with time for six of ten', 6],
  ])('a server that hangs is out within two seconds, and no other is, %s', async (_, hurryMs) => {
    const scenario = new Scenario({ policy });
    const random = seededRandom(5);
    const traffic = { deadlineMs: () => hurryMs, answerMs: () => random.float() * 10, callsPerSecond: 100 };
    await scenario.run({ ...traffic, seconds: 60 });
    expect(scenario.ejected).toEqual([]);
    expect(await scenario.shareAfterTwoSeconds(traffic)).toBeLessThan(0.05);
    expect(scenario.ejected.filter(({ id }) => id !== 'e0')).toEqual([]);
  });
});

describe('a lease', () => {
  it('that was acquired to report a timeout that was counts as before', () => {
    const { mesh } = testMesh({ users: endpoints(3) });
    const users = mesh.service('users', { policy: 'round_robin' });
    for (let i = 0; i < 18; i++) {
      const lease = users.acquire();
      lease.done(lease.endpoint.spec.id === 'e0' ? Outcome.Timeout : Outcome.Success);
    }
    expect(users.endpoints.map(({ state }) => state)).toEqual(['ejected', 'ready', 'ready']);
  });

  it('says at its end how long the endpoint had, which decides', () => {
    const { mesh } = testMesh({ users: endpoints(3) });
    const users = mesh.service('users', { policy: 'round_robin' });
    for (let i = 0; i < 30; i++) {
      const lease = users.acquire();
      if (lease.endpoint.spec.id === 'e0') lease.done(Outcome.Timeout, 49);
      else lease.done(Outcome.Success);
    }
    expect(users.endpoints.map(({ state }) => state)).toEqual(['ready', 'ready', 'ready']);
    for (let i = 0; i < 18; i++) {
      const lease = users.acquire();
      if (lease.endpoint.spec.id === 'e0') lease.done(Outcome.Timeout, 50);
      else lease.done(Outcome.ApplicationError);
    }
    expect(users.endpoints.map(({ state }) => state)).toEqual(['ejected', 'ready', 'ready']);
  });
});
