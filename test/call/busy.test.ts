import { createMesh, type FairleadError, type Service, type ServiceOptions, staticResolver } from 'fairlead';
import { seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { BusyClock } from '../support/busy-clock.js';
import { endpoints } from '../support/mesh.js';

function setUp(options: ServiceOptions = {}): { users: Service; clock: BusyClock } {
  const clock = new BusyClock(1_000);
  const resolver = staticResolver({ users: endpoints(2) });
  const mesh = createMesh({ resolver, clock, random: seededRandom(1) });
  return { users: mesh.service('users', options), clock };
}

/** An endpoint that has answered in time; what it sent is read when the process gets to it. */
function unread(): { answer: Promise<string>; read(): void } {
  let read!: () => void;
  const answer = new Promise<string>((resolve) => {
    read = () => resolve('answer');
  });
  return { answer, read };
}

describe('a process that is busy while the deadline of a call passes', () => {
  it('reads what has come before it judges', async () => {
    const { users, clock } = setUp();
    const { answer, read } = unread();
    const call = users.call(() => answer, { deadlineMs: 100 });
    await clock.advanceAsync(50);
    clock.busy(300);
    await clock.advanceAsync(50);
    read();
    await expect(call).resolves.toBe('answer');
    expect(users.endpoints.map(({ failures }) => failures)).toEqual([0, 0]);
  });

  it('says that an endpoint hangs which goes on saying nothing, and no later than twice the deadline', async () => {
    const { users, clock } = setUp();
    const error = users.call(() => unread().answer, { deadlineMs: 100 }).catch((thrown: FairleadError) => thrown.code);
    clock.busy(300);
    await clock.advanceAsync(200);
    await expect(error).resolves.toBe('FAIRLEAD_DEADLINE_EXCEEDED');
    expect(users.endpoints.reduce((sum, { failures }) => sum + failures, 0)).toBe(1);
  });

  it('begins nothing any more: no repeat, no hedge, and no call that waited for its turn', async () => {
    const limits = { maxInflight: 1, maxPending: 5 };
    const { users, clock } = setUp({ resilience: { limits } });
    const hog = unread();
    void users.call(() => hog.answer);
    let begun = 0;
    const run = (): Promise<never> => {
      begun++;
      return new Promise(() => {});
    };
    const waiting = users.call(run, { deadlineMs: 100 }).catch((thrown: FairleadError) => thrown.code);
    clock.busy(300);
    await clock.advanceAsync(100);
    await expect(waiting).resolves.toBe('FAIRLEAD_DEADLINE_EXCEEDED');
    hog.read();
    await clock.advanceAsync(1_000);
    expect(begun).toBe(0);

    const { users: others, clock: time } = setUp();
    const fail = unread();
    const failed = others
      .call(
        () => {
          begun++;
          return fail.answer.then(() => Promise.reject(Object.assign(new Error('gone'), { code: 'ECONNREFUSED' })));
        },
        { deadlineMs: 600, idempotent: true },
      )
      .catch((thrown: { code: string }) => thrown.code);
    time.busy(600);
    await time.advanceAsync(550);
    fail.read();
    await time.advanceAsync(1_000);
    expect([await failed, begun]).toEqual(['ECONNREFUSED', 1]);
  });
});

describe('a process that is busy while it waits for discovery', () => {
  it('takes what has come before it gives up', async () => {
    const clock = new BusyClock(1_000);
    const resolver = staticResolver({ users: [] });
    const mesh = createMesh({ resolver, clock, random: seededRandom(1) });
    const call = mesh.service('users', { waitForReadyMs: 200 } as ServiceOptions).call(() => 'answer');
    await clock.advanceAsync(100);
    clock.busy(500);
    await clock.advanceAsync(100);
    resolver.update('users', endpoints(1));
    await expect(call).resolves.toBe('answer');
  });
});
