import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

/**
 * What a call leaves on the heap that is answered at once: its scope, its promise and two closures.
 * As the state of an async function it was 280 more.
 */
const BYTES = 1_150;

// Newer versions of Node need a real AbortSignal for a function that may look at one.
it.runIf(process.versions.node.startsWith('20.'))(
  `a call that is answered at once allocates no more than ${BYTES} bytes`,
  async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const service = testMesh({ users: endpoints(3) }).mesh.service('users');
    const answer = Promise.resolve('well');
    const run = (): Promise<string> => answer;
    const turns = 2_000;
    let least = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 25; round++) {
      gc();
      const before = process.memoryUsage().heapUsed;
      for (let i = 0; i < turns; i++) await service.call(run);
      const grown = (process.memoryUsage().heapUsed - before) / turns;
      // A collection in between tells nothing.
      if (grown > 300) least = Math.min(least, grown);
    }
    expect(least).toBeLessThanOrEqual(BYTES);
    expect(service.endpoints.every(({ inflight }) => inflight === 0)).toBe(true);
  },
);
