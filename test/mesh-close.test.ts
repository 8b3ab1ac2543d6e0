import { closeOnSignals, createMesh, type Mesh, Outcome, staticResolver } from 'fairlead';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';

function world(closeTakesMs = 100, fails = false) {
  const clock = new ManualClock(1_000);
  const seen: string[] = [];
  const registrar = {
    name: 'scripted',
    register: async () => ({}) as never,
    close: async ({ deadlineMs }: { deadlineMs?: number } = {}): Promise<void> => {
      seen.push(`deregistering within ${deadlineMs}`);
      await new Promise<void>((resolve) => clock.awaited(Math.min(closeTakesMs, deadlineMs ?? 0), resolve));
      if (fails) throw new Error('no agent');
      seen.push('deregistered');
    },
    [Symbol.asyncDispose]: async () => {},
  };
  const mesh = createMesh({ resolver: staticResolver({ users: ['127.0.0.1:1'] }), registrars: [registrar], clock });
  return { clock, mesh, seen };
}

const state = (promise: Promise<unknown>) => {
  const seen = { done: false };
  void promise.then(() => {
    seen.done = true;
  });
  return seen;
};

describe('the closing of a mesh', () => {
  it('ends registrations first, while calls still work, then drains, then refuses', async () => {
    const { clock, mesh, seen } = world();
    const service = mesh.service('users');
    const closed = state(
      mesh.close({
        drain: () => {
          seen.push('draining');
          service.acquire().done(Outcome.Success);
          return new Promise<void>((resolve) => clock.awaited(50, resolve)).then(() => seen.push('drained'));
        },
      }),
    );
    service.acquire().done(Outcome.Success);
    expect(mesh.closing.aborted).toBe(false);
    await clock.advanceAsync(100);
    expect(seen).toEqual(['deregistering within 5000', 'deregistered', 'draining']);
    await clock.advanceAsync(50);
    expect(seen.at(-1)).toBe('drained');
    expect(closed.done).toBe(true);
    expect(() => service.acquire()).toThrow(/is closed/);
    expect(() => mesh.service('orders')).toThrow(/The mesh is closed/);
  });

  it('gives a registry that is down half of its time, and calls the rest', async () => {
    const { clock, mesh } = world(60_000);
    const lease = mesh.service('users').acquire();
    const closed = state(mesh.close({ deadlineMs: 4_000 }));
    await clock.advanceAsync(1_999);
    expect(mesh.closing.aborted).toBe(false);
    await clock.advanceAsync(1);
    expect(mesh.closing.aborted).toBe(true);
    await clock.advanceAsync(1_999);
    expect(closed.done).toBe(false);
    await clock.advanceAsync(1);
    expect(closed.done).toBe(true);
    lease.done(Outcome.Success);
  });

  it('goes on where a registrar, or drain(), fails or hangs, and says so', async () => {
    const { clock, mesh } = world(10, true);
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): void => void warnings.push(message);
    process.on('warning', onWarning);
    const closed = state(mesh.close({ deadlineMs: 1_000, drain: () => new Promise(() => {}) }));
    await clock.advanceAsync(2_500);
    expect(closed.done).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', onWarning);
    expect(warnings).toEqual([
      "The registrar 'scripted' failed to end: no agent",
      'drain() of close() failed: it was not ready within 990 ms',
    ]);
    expect(clock.pending).toBe(0);
  });

  it('is as it was where there is nothing to end first: calls are refused at once', () => {
    const mesh = createMesh({ resolver: staticResolver({ users: ['127.0.0.1:1'] }) });
    const service = mesh.service('users');
    void mesh.close();
    expect(() => service.acquire()).toThrow(/is closed/);
  });

  it.each([
    [{ registrars: 5 }, /createMesh\.registrars is 5: allowed is an array of registrars/],
    [{ registrars: [{}] }, /an array of registrars/],
  ])('refuses %j', (options, message) => {
    expect(() => createMesh(options as never)).toThrow(message);
  });
});

describe('closeOnSignals()', () => {
  const closable = (): { mesh: Pick<Mesh, 'close'>; calls: unknown[] } => {
    const calls: unknown[] = [];
    return { mesh: { close: async (options) => void calls.push(options) }, calls };
  };

  it('closes at the first of its signals, and listens no longer when it is told to stop', async () => {
    const { mesh, calls } = closable();
    // A listener of our own: or the signal would end the tests.
    const keep = (): void => {};
    process.on('SIGUSR2', keep);
    const before = process.listenerCount('SIGUSR2');
    const drain = (): void => {};
    closeOnSignals(mesh, { signals: ['SIGUSR2'], deadlineMs: 50, drain });
    expect(process.listenerCount('SIGUSR2')).toBe(before + 1);
    process.emit('SIGUSR2', 'SIGUSR2');
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toEqual([{ deadlineMs: 50, drain }]);
    expect(process.listenerCount('SIGUSR2')).toBe(before);
    const stop = closeOnSignals(mesh, { signals: ['SIGUSR2'] });
    stop();
    expect(process.listenerCount('SIGUSR2')).toBe(before);
    process.off('SIGUSR2', keep);
  });

  it.each([
    [{ signals: [] }, /closeOnSignals\.signals/],
    [{ signals: ['TERM'] }, /an array of signals/],
    [{ deadlineMs: -1 }, /close\.deadlineMs is -1/],
    [{ after: 1 }, /after is not an option/],
  ])('refuses %j', (options, message) => {
    expect(() => closeOnSignals(closable().mesh, options as never)).toThrow(message);
  });
});
