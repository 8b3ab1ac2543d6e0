import type { Clock } from '../runtime/clock.js';
import { addressOf, type EndpointSpec } from './endpoint.js';
import type { LiveEndpoint } from './live-endpoint.js';

/**
 * How long an endpoint that left is remembered: as long as the longest ejection lasts by default.
 */
const REMEMBERED_MS = 300_000;

/** As many as were listed at once are remembered, and at least this many. */
const MIN_REMEMBERED = 1_000;

export interface AbsenceHost {
  /** Should it return, it will be another object. */
  forgotten(endpoint: LiveEndpoint): void;
}

/**
 * Endpoints that left discovery, in case they return. Registries drop an instance whose check fails
 * for a moment, and what was learnt of it (its counters, latency, breaker, rate, failures in a row)
 * must not begin anew each time. Those with calls in progress stay until these have ended; the
 * others, where there is a clock, for five minutes.
 */
export class AbsentEndpoints {
  readonly #clock: Clock | undefined;
  readonly #host: AbsenceHost | undefined;
  /** By identity; those that left first are in front. */
  #known: Map<string, { readonly endpoint: LiveEndpoint; readonly untilMs: number }> | undefined;
  #mostListed = 0;

  constructor(clock?: Clock, host?: AbsenceHost) {
    this.#clock = clock;
    this.#host = host;
  }

  /** Those whose last calls are still running. */
  get draining(): ReadonlySet<LiveEndpoint> {
    return new Set(
      [...(this.#known?.values() ?? [])].map(({ endpoint }) => endpoint).filter(({ inflight }) => inflight > 0),
    );
  }

  /** Takes the same instance (same id, same address) out again. */
  take(spec: EndpointSpec): LiveEndpoint | undefined {
    if (this.#known === undefined || this.#known.size === 0) return undefined;
    const identity = identityOf(spec);
    const known = this.#known.get(identity);
    if (known === undefined || (this.#isOver(known.untilMs) && known.endpoint.inflight === 0)) return undefined;
    this.#known.delete(identity);
    return known.endpoint;
  }

  add(endpoint: LiveEndpoint): void {
    const untilMs = this.#clock === undefined ? Number.NEGATIVE_INFINITY : this.#clock.now() + REMEMBERED_MS;
    this.#known ??= new Map();
    this.#known.set(identityOf(endpoint.spec), { endpoint, untilMs });
  }

  /** Forgets those whose time is over, and those beyond the bound: O(1) for each that ever left. */
  prune(listed: number): void {
    this.#mostListed = Math.max(this.#mostListed, listed);
    if (this.#known === undefined) return;
    const max = Math.max(MIN_REMEMBERED, this.#mostListed);
    for (const [identity, { endpoint, untilMs }] of this.#known) {
      if (!this.#isOver(untilMs) && this.#known.size <= max) return;
      if (endpoint.inflight > 0) continue;
      this.#known.delete(identity);
      this.#host?.forgotten(endpoint);
    }
  }

  #isOver(untilMs: number): boolean {
    return this.#clock === undefined || untilMs <= this.#clock.now();
  }
}

/** The same instance while these stay. */
function identityOf(spec: EndpointSpec): string {
  return `${spec.id} ${addressOf(spec)}`;
}
