import { consecutiveFailures, createMesh, type HealthSignal, Outcome, staticResolver } from 'fairlead';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';

describe('a signal that wraps another', () => {
  it.each<[string, (inner: HealthSignal) => HealthSignal]>([
    ['and spreads its context', (inner) => ({ name: 'mine', create: (context) => inner.create({ ...context }) })],
    ['and inherits from it', (inner) => ({ name: 'mine', create: (context) => inner.create(Object.create(context)) })],
    ['and is spread itself', (inner) => ({ ...inner, name: 'mine' })],
  ])('%s ejects as that does', async (_, wrap) => {
    const health = [wrap(consecutiveFailures({ failures: 2 }))];
    const resolver = staticResolver({ users: ['10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1'] });
    const mesh = createMesh({
      resolver,
      clock: new ManualClock(),
      services: { users: { health, policy: 'round_robin' } },
    });
    const service = mesh.service('users');
    const ejected: string[] = [];
    const errors: Error[] = [];
    service.on('ejected', ({ signal }) => ejected.push(signal));
    service.on('error', (error) => errors.push(error));
    const [bad] = service.endpoints;
    for (let i = 0; i < 12; i++) {
      const lease = service.acquire();
      lease.done(lease.endpoint === bad ? Outcome.Failure : Outcome.Success);
    }
    expect(errors).toEqual([]);
    expect(ejected).toEqual(['mine']);
    await mesh.close();
  });
});
