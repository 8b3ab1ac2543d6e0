import type { Endpoint, Picker, Policy, PolicyContext } from 'fairlead';
import { isFailure } from 'fairlead/adapter';

/**
 * Policies of other libraries, written from their published formulas as a user would write one: to
 * measure ours against, and as the proof that the contract is enough for them.
 */

interface Estimate {
  costMs: number;
  atMs: number;
}

/**
 * Finagle's P2CPeakEwma: load = peak EWMA × (pending + 1), which decays also by being read, and a
 * penalty for whoever has calls pending but no history. Every outcome is a sample.
 * (twitter/finagle, PeakEwma.scala)
 */
export const finaglePeakEwma: Policy = {
  name: 'finagle_peak_ewma',
  needsLatency: true,
  create: ({ random }: PolicyContext): Picker => {
    const decayMs = 10_000;
    const penalty = 2 ** 47 / 1e6;
    const estimates = new Map<Endpoint, Estimate>();
    let ready: readonly Endpoint[] = [];
    const observed = (endpoint: Endpoint, rttMs: number, nowMs: number): Estimate => {
      let estimate = estimates.get(endpoint);
      if (estimate === undefined) {
        estimate = { costMs: 0, atMs: nowMs };
        estimates.set(endpoint, estimate);
      }
      const weight = Math.exp((estimate.atMs - nowMs) / decayMs);
      estimate.costMs = rttMs > estimate.costMs ? rttMs : estimate.costMs * weight + rttMs * (1 - weight);
      estimate.atMs = nowMs;
      return estimate;
    };
    const load = (endpoint: Endpoint, nowMs: number): number => {
      const { costMs } = observed(endpoint, 0, nowMs);
      return costMs === 0 && endpoint.inflight > 0 ? penalty + endpoint.inflight : costMs * (endpoint.inflight + 1);
    };
    return {
      update: (rotation) => {
        ready = rotation.ready;
      },
      pick: ({ nowMs }) => {
        const [a, b] = twoOf(ready, random);
        return load(a, nowMs) <= load(b, nowMs) ? a : b;
      },
      observe: (endpoint, _outcome, latencyMs, nowMs) => void observed(endpoint, latencyMs, nowMs),
    };
  },
};

interface GoZeroState {
  lagNs: number;
  success: number;
  lastMs: number;
  pickedMs: number;
}

/**
 * go-zero's p2c_ewma: load = floor(sqrt(plain EWMA in ns + 1)) × (in flight + 1), three tries to
 * draw two whose success average is above one half, and a forced pick of the loser when it was not
 * picked for a second. (zeromicro/go-zero, zrpc/internal/balancer/p2c/p2c.go)
 */
export const goZeroP2c: Policy = {
  name: 'go_zero_p2c',
  needsLatency: true,
  create: ({ random }: PolicyContext): Picker => {
    const decayMs = 10_000;
    const forcePickMs = 1_000;
    const states = new Map<Endpoint, GoZeroState>();
    let ready: readonly Endpoint[] = [];
    const stateOf = (endpoint: Endpoint): GoZeroState => {
      let state = states.get(endpoint);
      if (state === undefined) {
        state = { lagNs: 0, success: 1_000, lastMs: Number.NaN, pickedMs: 0 };
        states.set(endpoint, state);
      }
      return state;
    };
    const load = (endpoint: Endpoint): number =>
      Math.floor(Math.sqrt(stateOf(endpoint).lagNs + 1)) * (endpoint.inflight + 1);
    const isHealthy = (endpoint: Endpoint): boolean => stateOf(endpoint).success > 500;
    return {
      update: (rotation) => {
        ready = rotation.ready;
      },
      pick: ({ nowMs }) => {
        let [a, b] = twoOf(ready, random);
        for (let attempt = 1; attempt < 3 && !(isHealthy(a) && isHealthy(b)); attempt++) [a, b] = twoOf(ready, random);
        const [less, more] = load(a) <= load(b) ? [a, b] : [b, a];
        const pickedMs = stateOf(more).pickedMs;
        const chosen = pickedMs > 0 && nowMs - pickedMs > forcePickMs ? more : less;
        stateOf(chosen).pickedMs = nowMs;
        return chosen;
      },
      observe: (endpoint, outcome, latencyMs, nowMs) => {
        const state = stateOf(endpoint);
        const keep = Number.isNaN(state.lastMs) ? 0 : Math.exp((state.lastMs - nowMs) / decayMs);
        state.lastMs = nowMs;
        state.lagNs = state.lagNs * keep + latencyMs * 1e6 * (1 - keep);
        state.success = state.success * keep + (isFailure(outcome) ? 0 : 1_000) * (1 - keep);
      },
    };
  },
};

/** Two different ones, or the only one twice. */
function twoOf(ready: readonly Endpoint[], random: PolicyContext['random']): [Endpoint, Endpoint] {
  const first = random.below(ready.length);
  const step = ready.length === 1 ? 0 : 1 + random.below(ready.length - 1);
  return [ready[first]!, ready[(first + step) % ready.length]!];
}
