import { type Endpoint, Outcome } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

const ended = (call: Promise<unknown>) => {
  const seen: { value?: unknown; error?: { code?: string; message: string } } = {};
  call.then(
    (value) => Object.assign(seen, { value }),
    (error) => Object.assign(seen, { error }),
  );
  return seen;
};
const never = (): Promise<never> => new Promise(() => {});

describe('calls that have not ended when their service closes', () => {
  it.each([
    ['by itself', {}],
    ['with a deadline', { deadlineMs: 60_000 }],
    ['hedged', { idempotent: true }],
  ])('%s are broken off at the deadline, with FAIRLEAD_CLOSED, and counted', async (_, options) => {
    const { mesh, clock } = testMesh({ users: endpoints(2) });
    const users = mesh.service('users');
    const signals: AbortSignal[] = [];
    const seen = ended(
      users.call((_endpoint: Endpoint, signal) => {
        signals.push(signal);
        return never();
      }, options),
    );
    await clock.advanceAsync(600);
    const closed = mesh.close({ deadlineMs: 500 });
    await clock.advanceAsync(499);
    expect(seen).toEqual({});
    await clock.advanceAsync(1);
    await closed;
    expect(seen.error).toMatchObject({ code: 'FAIRLEAD_CLOSED', service: 'users' });
    expect(signals.length).toBeGreaterThan(0);
    expect(signals.every(({ aborted, reason }) => aborted && reason.code === 'FAIRLEAD_CLOSED')).toBe(true);
    expect(users.callStats.brokenOff).toBe(1);
    expect(users.endpoints.reduce((sum, { inflight }) => sum + inflight, 0)).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('are broken off also where their function takes no signal, and what it says later changes nothing', async () => {
    const { mesh, clock } = testMesh({ users: endpoints(1) });
    const users = mesh.service('users');
    const answers: ((value: number) => void)[] = [];
    const asked = (): Promise<number> => new Promise((resolve) => answers.push(resolve));
    const seen = [ended(users.call(asked)), ended(users.call(asked, { fallback: 0 }))];
    const closed = mesh.close({ deadlineMs: 0 });
    await clock.advanceAsync(0);
    await closed;
    for (const { error } of seen) expect(error?.message).toMatch(/broken off: endpoint 'e0' had not answered/);
    for (const answer of answers) answer(1);
    await clock.advanceAsync(0);
    expect(seen.map(({ value }) => value)).toEqual([undefined, undefined]);
    expect(users.callStats).toMatchObject({ brokenOff: 2, fallbacks: 0 });
  });

  it('end as they end where that is in time, whatever their order', async () => {
    const { mesh, clock } = testMesh({ users: endpoints(1) });
    const users = mesh.service('users');
    const answers: ((value: number) => void)[] = [];
    const calls = Array.from({ length: 5 }, () =>
      ended(users.call(() => new Promise<number>((resolve) => answers.push(resolve)))),
    );
    const closed = mesh.close({ deadlineMs: 1_000 });
    for (const i of [2, 0, 4]) answers[i]!(i);
    await clock.advanceAsync(1_000);
    await closed;
    expect(calls.map(({ value, error }) => value ?? error?.code)).toEqual([
      0,
      'FAIRLEAD_CLOSED',
      2,
      'FAIRLEAD_CLOSED',
      4,
    ]);
    expect(users.callStats.brokenOff).toBe(2);
  });

  it('of a subset are among them', async () => {
    const { mesh, clock } = testMesh({ users: endpoints(2) });
    const users = mesh.service('users');
    const seen = ended(users.subset({ usable: () => true }).call(never));
    users.acquire().done(Outcome.Success);
    const closed = users.close({ deadlineMs: 10 });
    await clock.advanceAsync(10);
    await closed;
    expect(seen.error?.code).toBe('FAIRLEAD_CLOSED');
  });
});
