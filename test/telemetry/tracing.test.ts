import { describe, expect, it } from 'vitest';
import { type Tracer, tracerOf, traceService } from '../../src/telemetry/tracing.js';
import { endpoints, testMesh } from '../support/mesh.js';

/** Notes whose calls it hears of. */
function noting(into: string[], name: string): Tracer {
  const attempt = { run: <T>(send: () => T): T => send(), inject: () => {}, end: () => {} };
  return {
    call: () => {
      into.push(name);
      return { attempt: () => attempt, waited: () => {}, end: () => {} };
    },
    inject: () => {},
    batch: (_, run) => ({ sent: run(), end: () => {} }),
  };
}

describe('the tracer of a service', () => {
  it('is that of its own mesh, where two meshes have services of one name', async () => {
    const [one, two] = [testMesh({ users: endpoints(1) }).mesh, testMesh({ users: endpoints(1) }).mesh];
    const heard: string[] = [];
    const stops = [
      traceService(one.service('users'), noting(heard, 'one')),
      traceService(two.service('users'), noting(heard, 'two')),
    ];
    await two.service('users').call(() => {});
    await two
      .service('users')
      .subset({ usable: () => true })
      .call(() => {});
    await one.service('users').call(() => {});
    for (const stop of stops) stop();
    await two.service('users').call(() => {});
    expect(heard).toEqual(['two', 'two', 'one']);
  });

  it('is the first that was set, and the next once that is taken away; another of the name is none', () => {
    const service = { name: 'users' };
    expect(tracerOf(service)).toBeUndefined();
    const [first, second] = [noting([], 'first'), noting([], 'second')];
    const stops = [traceService(service, first), traceService(service, second)];
    expect([tracerOf(service), tracerOf({ name: 'users' }), tracerOf({ name: 'orders' })]).toEqual([
      first,
      undefined,
      undefined,
    ]);
    stops[0]!();
    expect(tracerOf(service)).toBe(second);
    stops[0]!();
    expect(tracerOf(service)).toBe(second);
    stops[1]!();
    stops[1]!();
    expect(tracerOf(service)).toBeUndefined();
  });
});
