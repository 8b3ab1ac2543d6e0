import { createMesh, peakEwma, type ServiceOptions } from 'fairlead';
import { describe, expect, it } from 'vitest';

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
