import type { EndpointInput } from 'fairlead';
import { createMesh, type Mesh, type MeshOptions, type StaticResolver, staticResolver } from 'fairlead';
import { ManualClock, seededRandom } from 'fairlead/testing';

export interface TestMesh {
  readonly mesh: Mesh;
  readonly clock: ManualClock;
  readonly resolver: StaticResolver;
}

/** A mesh whose time stands still and whose dice are loaded. */
export function testMesh(
  services: Readonly<Record<string, readonly EndpointInput[]>>,
  options: Omit<MeshOptions, 'resolver' | 'clock' | 'random'> & { readonly seed?: number } = {},
): TestMesh {
  const { seed = 1, ...rest } = options;
  const clock = new ManualClock(1_000);
  const resolver = staticResolver(services);
  return { mesh: createMesh({ ...rest, resolver, clock, random: seededRandom(seed) }), clock, resolver };
}

/** `count` endpoints named e0, e1, … on ports of their own. */
export function endpoints(count: number, more: Partial<Exclude<EndpointInput, string>> = {}): EndpointInput[] {
  return Array.from({ length: count }, (_, i) => ({ id: `e${i}`, host: '127.0.0.1', port: 5_000 + i, ...more }));
}

/** Counts those timers of a clock, from now on, that keep a process alive. */
export function awaitedTimers(clock: ManualClock): () => number {
  const held = new Set<object>();
  clock.awaited = (delayMs, fire) => {
    const timer = clock.after(delayMs, () => {
      held.delete(timer);
      fire();
    });
    held.add(timer);
    return {
      cancel: () => {
        held.delete(timer);
        timer.cancel();
      },
    };
  };
  return () => held.size;
}
