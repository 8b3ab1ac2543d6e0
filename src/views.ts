import type { Policy } from './balancing/policy.js';
import type { LiveEndpoint } from './endpoint/live-endpoint.js';
import { FairleadError } from './runtime/errors.js';
import type { Outcome } from './runtime/outcome.js';
import type { View } from './view.js';

/** The time constant of latency estimates where no policy sets one: Finagle's. */
const DEFAULT_DECAY_MS = 10_000;

/**
 * The views of one service, its own and those of its subsets, and what they need measured together: latency is
 * estimated once per endpoint, so all policies of a service share its decay.
 */
export class Views {
  readonly #service: string;
  readonly #views = new Set<View>();
  /** Those whose picker keeps statistics of its own. */
  #observers: readonly View[] = [];
  #decayMs: number | undefined;
  #timed: boolean;

  /** `timed`: response times are measured whatever the policies need. */
  constructor(service: string, timed: boolean) {
    this.#service = service;
    this.#timed = timed;
  }

  /** Whether the clock is read for calls at all. */
  get timed(): boolean {
    return this.#timed;
  }

  /** The time constant of the latency estimates; milliseconds. */
  get decayMs(): number {
    return this.#decayMs ?? DEFAULT_DECAY_MS;
  }

  /** Turns on what the policy of a view to come needs. Throws where that contradicts the others' needs. */
  admit(policy: Policy): void {
    if (!policy.needsLatency) return;
    const decayMs = policy.decayMs ?? DEFAULT_DECAY_MS;
    if (this.#decayMs !== undefined && this.#decayMs !== decayMs) {
      throw new FairleadError(
        'FAIRLEAD_CONFLICT',
        `Policy ${policy.name} of a subset of '${this.#service}' wants decayMs ${decayMs}, but the service measures with ` +
          `${this.#decayMs}: give both the same.`,
        { service: this.#service },
      );
    }
    this.#decayMs = decayMs;
    this.#timed = true;
  }

  add(view: View): void {
    this.#views.add(view);
    this.#findObservers();
  }

  delete(view: View): void {
    this.#views.delete(view);
    this.#findObservers();
  }

  refresh(): void {
    for (const view of this.#views) view.refresh();
  }

  /** A call ended. Hot path. */
  observe(endpoint: LiveEndpoint, outcome: Outcome, latencyMs: number, nowMs: number): void {
    for (let i = 0; i < this.#observers.length; i++) this.#observers[i]!.observe(endpoint, outcome, latencyMs, nowMs);
  }

  close(): void {
    for (const view of this.#views) view.close();
  }

  #findObservers(): void {
    this.#observers = [...this.#views].filter((each) => each.observes);
  }
}
