import type { Random, ServiceOptions } from 'fairlead';

export const oneOf = <T>(random: Random, ...values: readonly T[]): T => values[random.below(values.length)]!;

/** Options under which every call is served: limits above what the callers need. */
export function servable(random: Random): ServiceOptions {
  const options: Record<string, unknown> = {
    policy: oneOf<unknown>(
      random,
      'round_robin',
      'random',
      { peak_ewma: { decayMs: 1_000 + random.below(9_000) } },
      'maglev',
      {
        least_request: { choices: 2 + random.below(3) },
      },
    ),
    health: oneOf<unknown>(
      random,
      [],
      [{ consecutive_failures: { failures: 3 + random.below(5) } }],
      ['outlier_detection'],
    ),
    checks: oneOf<unknown>(random, [], [{ tcp: { intervalMs: 100 + random.below(1_000) } }]),
    panicThreshold: random.float(),
    affinity: oneOf<unknown>(random, false, true, { capacity: 100 + random.below(50) }, { drainMs: 50 }),
    resilience: {
      deadlineMs: 20_000 + random.below(1_000),
      retry: { maxAttempts: 1 + random.below(4), budget: { ratio: random.float() } },
      breaker: oneOf<unknown>(random, false, { consecutiveFailures: 5 + random.below(5) }),
      breakerPerEndpoint: oneOf<unknown>(random, false, true),
      limits: oneOf<unknown>(
        random,
        {},
        { maxInflight: 20 + random.below(50), maxPending: 50 },
        { maxInflightPerEndpoint: 30 },
      ),
    },
  };
  if (random.below(3) === 0) options.slowStart = { windowMs: 100 + random.below(500) };
  if (random.below(3) === 0) options.aperture = { size: 1 + random.below(3) };
  return options as ServiceOptions;
}
