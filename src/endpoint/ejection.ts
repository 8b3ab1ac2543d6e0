import type { HealthSignal, HealthTracker } from '../health/health.js';
import type { Clock, Timer } from '../runtime/clock.js';
import { isAnswer, isFailure, type Outcome } from '../runtime/outcome.js';
import type { Random } from '../runtime/random.js';
import type { Endpoint } from './endpoint.js';
import type { LiveEndpoint } from './live-endpoint.js';

export interface EjectionEvent {
  readonly endpoint: Endpoint;
  /** The name of the signal that asked for it. */
  readonly signal: string;
  readonly forMs: number;
  /** Whether the share of ejected endpoints allowed it. */
  readonly enforced: boolean;
}

export interface EjectionHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly members: readonly LiveEndpoint[];
  /** The state of an endpoint changed: compute the rotation anew. */
  changed(): void;
  ejected(event: EjectionEvent): void;
  returned(endpoint: LiveEndpoint): void;
}

interface Watch {
  readonly signal: HealthSignal;
  readonly tracker: HealthTracker;
}

/**
 * Carries out what the health signals ask for: caps the share of ejected endpoints, times the ejections, and lets an
 * endpoint return through one probing call. One endpoint may always go, or services of two or three had no protection.
 */
export class Ejection {
  readonly #host: EjectionHost;
  readonly #maxRatio: number;
  readonly #watches: readonly Watch[];
  readonly #timers = new Map<LiveEndpoint, Timer>();
  #out = 0;

  constructor(host: EjectionHost, signals: readonly HealthSignal[], maxRatio: number) {
    this.#host = host;
    this.#maxRatio = maxRatio;
    this.#watches = signals.map((signal): Watch => ({ signal, tracker: this.#createTracker(signal) }));
  }

  #createTracker(signal: HealthSignal): HealthTracker {
    return signal.create({
      clock: this.#host.clock,
      random: this.#host.random,
      members: () => this.#host.members,
      eject: (endpoint, forMs) => this.#request(endpoint as LiveEndpoint, forMs, signal.name),
    });
  }

  /** How many endpoints are out, the probing ones included. */
  get out(): number {
    return this.#out;
  }

  /** A call that was not a probe ended. Hot path. */
  record(endpoint: LiveEndpoint, outcome: Outcome, latencyMs: number): void {
    let longestMs = 0;
    let by: Watch | undefined;
    for (const watch of this.#watches) {
      const forMs = watch.tracker.record(endpoint, outcome, latencyMs);
      if (forMs > longestMs) {
        longestMs = forMs;
        by = watch;
      }
    }
    if (by !== undefined) this.#request(endpoint, longestMs, by.signal.name);
  }

  /** The call that decides about the return of an endpoint ended. */
  probed(endpoint: LiveEndpoint, outcome: Outcome): void {
    if (endpoint.state !== 'probing') return;
    const ok = isAnswer(outcome);
    if (!ok && !isFailure(outcome)) {
      // It said nothing (cancelled): the next call is the probe.
      this.#host.changed();
      return;
    }
    let longestMs = 0;
    let by: Watch | undefined;
    for (const watch of this.#watches) {
      const forMs = watch.tracker.probed(endpoint, ok);
      if (forMs > longestMs) {
        longestMs = forMs;
        by = watch;
      }
    }
    this.#out--;
    endpoint.state = 'ready';
    if (by !== undefined && !ok) {
      this.#request(endpoint, longestMs, by.signal.name);
      return;
    }
    this.#host.returned(endpoint);
    this.#host.changed();
  }

  /** Ends an ejection early, without a probe: somebody who knows says that the endpoint is well. */
  release(endpoint: LiveEndpoint): void {
    if (endpoint.state !== 'ejected' && endpoint.state !== 'probing') return;
    this.#cancelTimer(endpoint);
    this.#out--;
    endpoint.state = 'ready';
    this.#host.returned(endpoint);
    this.#host.changed();
  }

  /** The endpoint left the membership. Its state is `draining` by now, whatever it was. */
  forget(endpoint: LiveEndpoint, previous: 'in' | 'out'): void {
    if (previous === 'out') this.#out--;
    this.#cancelTimer(endpoint);
    for (const { tracker } of this.#watches) tracker.forget(endpoint);
  }

  close(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    for (const { tracker } of this.#watches) tracker.close?.();
  }

  #request(endpoint: LiveEndpoint, forMs: number, signal: string): void {
    if (endpoint.state !== 'ready') return;
    const allowed = Math.max(1, Math.floor(this.#host.members.length * this.#maxRatio));
    const enforced = this.#out < allowed;
    if (enforced) {
      endpoint.state = 'ejected';
      endpoint.ejections++;
      this.#out++;
      for (const { signal: each, tracker } of this.#watches) if (each.name === signal) tracker.confirmed(endpoint);
      this.#timers.set(
        endpoint,
        this.#host.clock.after(forMs, () => this.#beginProbing(endpoint)),
      );
    }
    this.#host.ejected({ endpoint, signal, forMs, enforced });
    if (enforced) this.#host.changed();
  }

  #beginProbing(endpoint: LiveEndpoint): void {
    this.#timers.delete(endpoint);
    if (endpoint.state !== 'ejected') return;
    endpoint.state = 'probing';
    endpoint.probe = undefined;
    this.#host.changed();
  }

  #cancelTimer(endpoint: LiveEndpoint): void {
    this.#timers.get(endpoint)?.cancel();
    this.#timers.delete(endpoint);
  }
}
