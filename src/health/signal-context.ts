import type { Endpoint } from '../endpoint/endpoint.js';
import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { Clock } from '../runtime/clock.js';
import type { Random } from '../runtime/random.js';
import type { EjectionTimes } from './ejection-times.js';
import type { Evidence, Grounds, HealthContext, HealthSignal, HealthTracker } from './health.js';
import type { Watch } from './running-term.js';

interface SignalHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly members: readonly LiveEndpoint[];
}

/** What carries out what signals ask for. */
export interface Verdicts {
  nextMs(endpoint: Endpoint, times: EjectionTimes): number;
  request(endpoint: LiveEndpoint, forMs: number, watch: Watch, grounds: Grounds, told: Evidence | undefined): void;
}

const DIRECT = new WeakSet<HealthSignal['create']>();

/** For signals of this room: they take what they need of their context by name. */
export function direct(create: HealthSignal['create']): HealthSignal['create'] {
  DIRECT.add(create);
  return create;
}

/**
 * A signal at work, and the context of its tracker: one object for both. What a tracker calls is
 * made when it asks for it, as one may take it out of its context.
 */
export class SignalContext implements HealthContext, Watch {
  readonly signal: HealthSignal;
  readonly tracker: HealthTracker;
  readonly #host: SignalHost;
  readonly #verdicts: Verdicts;

  constructor(signal: HealthSignal, host: SignalHost, verdicts: Verdicts) {
    this.signal = signal;
    this.#host = host;
    this.#verdicts = verdicts;
    this.tracker = signal.create(DIRECT.has(signal.create) ? this : this.#toSpread());
  }

  /** As one object literal: a signal that wraps another may spread its context. */
  #toSpread(): HealthContext {
    const { clock, random, members, nextEjectionMs, eject } = this;
    return { clock, random, members, nextEjectionMs, eject };
  }

  get clock(): Clock {
    return this.#host.clock;
  }

  get random(): Random {
    return this.#host.random;
  }

  get members(): HealthContext['members'] {
    return () => this.#host.members;
  }

  get nextEjectionMs(): HealthContext['nextEjectionMs'] {
    return (endpoint, times) => this.#verdicts.nextMs(endpoint, times);
  }

  get eject(): HealthContext['eject'] {
    return (endpoint, forMs, evidence, grounds = 'answers') =>
      this.#verdicts.request(endpoint as LiveEndpoint, forMs, this, grounds, evidence);
  }
}
