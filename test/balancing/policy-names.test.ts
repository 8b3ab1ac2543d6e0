import { createMesh, definePolicy, type Endpoint, type Policy, peakEwma, type ServiceOptions } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

describe('the policy of a service', () => {
  const options = (given: ServiceOptions): ServiceOptions => given;

  it('compiles by its name, with its options, or made in code', () => {
    for (const { policy } of [
      options({ policy: 'peak_ewma' }),
      options({ policy: { peak_ewma: { decayMs: 5_000 } } }),
      options({ policy: peakEwma({ decayMs: 5_000 }) }),
    ]) {
      expect(createMesh().policies.resolve(policy!, 'policy').name).toBe('peak_ewma');
    }
  });

  it('does not compile under a name that does not exist, nor with options it does not have', () => {
    const refused = [
      // @ts-expect-error: the name has an underscore.
      options({ policy: 'peak-ewma' }),
      // @ts-expect-error: so it has here.
      options({ policy: { 'peak-ewma': {} } }),
      // @ts-expect-error: the option is decayMs.
      options({ policy: { peak_ewma: { decayMS: 5_000 } } }),
      // @ts-expect-error: a number.
      options({ policy: { peak_ewma: { decayMs: '5s' } } }),
      // @ts-expect-error: it has no options.
      options({ policy: { round_robin: { turns: 2 } } }),
    ];
    for (const { policy } of refused) {
      expect(() => createMesh().policies.resolve(policy!, 'policy')).toThrow(/peak.ewma|round_robin/);
    }
  });
});

describe('a policy of the user that is given by its name alone', () => {
  /** Takes turns by a counter that is beside `create`. */
  const turns = definePolicy('turns', (): Policy => {
    let turn = 0;
    return {
      name: 'turns',
      needsLatency: false,
      create() {
        let ready: readonly Endpoint[] = [];
        return {
          update: (rotation) => {
            ready = rotation.ready;
          },
          pick: () => ready[turn++ % ready.length] as Endpoint,
        };
      },
    };
  });

  it('is made for each service: what it keeps is not shared', () => {
    const { mesh } = testMesh({ users: endpoints(2), orders: endpoints(2) }, { policies: [turns] });
    const [users, orders] = ['users', 'orders'].map((name) => mesh.service(name, { policy: 'turns' as never }));
    const ids = [users, orders, users, orders].map((service) => service!.acquire().endpoint.spec.id);
    expect(ids).toEqual(['e0', 'e0', 'e1', 'e1']);
  });

  it('is made once where it comes with fairlead', () => {
    const { policies } = createMesh();
    expect(policies.resolve('random', 'policy')).toBe(policies.resolve('random', 'policy'));
  });
});
