import type { PolicySpec } from 'fairlead';
import { constant, constantRate, normal, type Simulation, servers } from 'fairlead/testing';

/**
 * The scenario of Linkerd's "Beyond Round Robin: Load Balancing for Latency" (2016): 11 servers
 * that answer in 167 ms (median, deviation 5), 1,000 calls a second for a minute; from the 15th
 * second on one of them takes 2 s, for 30 s. Success is an answer within a second. No health signal
 * helps: it is about the policy alone.
 */
export function linkerd2016(policy: PolicySpec, seed: number): Simulation {
  return {
    seed,
    durationMs: 60_000,
    servers: servers(11, { serviceTime: normal(167, 5) }),
    faults: [{ kind: 'slow', server: 's0', fromMs: 15_000, untilMs: 45_000, serviceTime: constant(2_000) }],
    arrivals: constantRate(1_000),
    service: { policy, health: [] },
  };
}

/** The same servers; for 30 s one of them fails everything within a millisecond. */
export function sinkhole2016(policy: PolicySpec, seed: number): Simulation {
  return { ...linkerd2016(policy, seed), faults: [{ kind: 'fail', server: 's0', fromMs: 15_000, untilMs: 45_000 }] };
}

/**
 * Mean time in the system of the supermarket model, in service times: n → ∞ servers with
 * exponential service, each call to the shortest of `choices` queues. (Mitzenmacher 2001, theorem
 * 4.)
 */
export function supermarketTime(load: number, choices: number): number {
  let sum = 0;
  for (let i = 1; i <= 100; i++) sum += load ** ((choices ** i - choices) / (choices - 1));
  return sum;
}
