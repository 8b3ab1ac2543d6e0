import { createMesh, type Lease, Outcome, type PolicyName, type ProbeSource, staticResolver } from 'fairlead';
import type { Case, Contender, Suite } from '../runner/suite.js';

/**
 * A pick and its done, health signals included. The clock is a counter: what it costs to read a
 * real one depends on the machine.
 */
const SIZES = [10, 100, 1_000, 10_000];
/** Calls in flight at any time, ended in the order they began. */
const INFLIGHT = 64;
const KEYS = 8_192;

const picking = (policy: PolicyName, size: number) => (): Contender => {
  // In an array, or every step would allocate a number of its own.
  const time = new Float64Array(1);
  const never = { cancel() {} };
  const clock = { now: () => time[0]!, wallMs: () => 0, after: () => never, awaited: () => never };
  const endpoints = Array.from({ length: size }, (_, i) => ({
    id: `endpoint-${i}`,
    host: '127.0.0.1',
    port: 1 + (i % 65_000),
    weight: 1 + (i % 7),
  }));
  // Answers at once: what is measured is the policy, not the network.
  const probes: ProbeSource = { probe: (endpoint, reply) => reply(endpoint.inflight, 1) };
  const mesh = createMesh({ resolver: staticResolver({ s: endpoints }), clock });
  const service = mesh.service('s', { policy, probes });
  const requests = Array.from({ length: KEYS }, (_, i) => ({ key: `user:session:${100_000 + i}` }));
  const leases: Lease[] = Array.from({ length: INFLIGHT }, (_, i) => service.acquire(requests[i]));
  return {
    run: (operations) => {
      for (let i = 0; i < operations; i++) {
        time[0] = time[0]! + 0.01;
        leases[i % INFLIGHT]!.done(Outcome.Success);
        leases[i % INFLIGHT] = service.acquire(requests[i % KEYS]);
      }
      return undefined;
    },
  };
};

const readingTheClock = (): Contender => ({
  run: (operations) => {
    let sum = 0;
    for (let i = 0; i < operations; i++) sum += performance.now();
    return { sum: Math.sign(sum) };
  },
});

const policies = createMesh().policies.names;

const at = (size: number): Case<undefined> => ({
  title: `${size} endpoints`,
  operations: 200_000,
  baseline: 'round_robin',
  contenders: {
    ...Object.fromEntries(policies.map((policy) => [policy, picking(policy, size)])),
    'reading the clock': readingTheClock,
  },
});

export const suite: Suite = {
  about: 'a pick and its done by policy, at 10 to 10,000 endpoints',
  rounds: 9,
  cases: SIZES.map(at),
};
