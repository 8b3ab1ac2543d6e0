import { describe, expect, it } from 'vitest';
import { type Tracer, traceService } from '../../src/telemetry/tracing.js';
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
});
