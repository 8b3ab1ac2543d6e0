import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

describe('a hedge that is due at once', () => {
  it('and finds no second endpoint looks for one every 10 ms, until there is one', async () => {
    const { mesh, clock, resolver } = testMesh({ users: endpoints(1) });
    const awaited = clock.awaited.bind(clock);
    let armed = 0;
    clock.awaited = (delayMs, fire) => {
      if (++armed > 50) throw new Error('it looks without a pause');
      return awaited(delayMs, fire);
    };
    const users = mesh.service('users', { resilience: { idempotent: true, hedge: { afterMs: 0 } } });
    const asked: string[] = [];
    const call = users.call(({ spec }) => {
      asked.push(spec.id);
      return spec.id === 'e0' ? new Promise<string>(() => {}) : Promise.resolve(spec.id);
    });
    await clock.advanceAsync(95);
    expect([armed, asked]).toEqual([11, ['e0']]);
    resolver.update('users', endpoints(2));
    await clock.advanceAsync(10);
    expect([await call, asked]).toEqual(['e1', ['e0', 'e1']]);
  });
});
