import { createMesh } from 'fairlead';
import { expect, it, onTestFinished, vi } from 'vitest';
import { consulWorld } from '../../support/consul.js';

it('a watch adds no listener to its signal with each answer', async () => {
  const { consul, lists } = await consulWorld(['a'], { burst: 100 });
  await lists('a');
  const adds = vi.spyOn(AbortSignal.prototype, 'addEventListener');
  onTestFinished(() => adds.mockRestore());
  for (let i = 0; i < 5; i++) {
    const ids = ['a', `b${i}`];
    consul.set('users', ids);
    await lists(...ids);
  }
  expect(adds).not.toHaveBeenCalled();
});

it('a resolver is told that its watch was given up as an AbortError, one for all', async () => {
  const signals: AbortSignal[] = [];
  const resolver = {
    name: 'mine',
    watch: (_query: unknown, _sink: unknown, signal: AbortSignal) => signals.push(signal),
  };
  const mesh = createMesh({ resolver: resolver as never });
  mesh.service('a');
  mesh.service('b');
  await mesh.close();
  expect(signals.map(({ reason }) => reason.name)).toEqual(['AbortError', 'AbortError']);
  expect(signals[0]!.reason).toBe(signals[1]!.reason);
});
