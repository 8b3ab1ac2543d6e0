import type { Policy, ProbeSource } from '../balancing/policy.js';
import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import { FairleadError, toError } from '../runtime/errors.js';
import type { Outcome } from '../runtime/outcome.js';
import type { View } from './view.js';

/** The time constant of latency estimates where no policy sets one: Finagle's. */
const DEFAULT_DECAY_MS = 10_000;

const NONE: readonly View[] = [];

/** Pickers of another policy that are ready. */
export interface PreparedPolicy {
  /** They pick from now on. Throws nothing. */
  adopt(timed: boolean): void;
  /** Or they never will. */
  abandon(): void;
}

/** Whose views they are. */
export interface ViewsHost {
  readonly name: string;
  /** Hears what a user's policy threw. */
  readonly events: { emit(name: 'error', error: Error): void };
}

/**
 * The views of one service, its own and those of its subsets, and what they need measured together:
 * latency is estimated once per endpoint, so all policies of a service share its decay.
 */
export class Views {
  readonly #host: ViewsHost;
  /** One, and one for each subset. */
  #views: readonly View[] = NONE;
  /** Those whose picker keeps its own statistics. */
  #observers: readonly View[] = NONE;
  #decayMs: number | undefined;
  /** Somebody reads figures. */
  #read = false;
  /** Response times are needed whatever the policies need. */
  #wanted: boolean;
  /** Calls time out. */
  #judging = false;
  /** Any of these, a policy's needs or a reader of figures: at hand, as every call asks. */
  #timed = false;

  /**
   * `timed`: response times are measured whatever the policies need.
   */
  constructor(host: ViewsHost, timed: boolean) {
    this.#host = host;
    this.#wanted = timed;
    this.#decide();
  }

  /** Whether the clock is read for calls at all. */
  get timed(): boolean {
    return this.#timed;
  }

  /** From now on it is: calls time out, and how long others take decides what that means. */
  measure(): void {
    this.#judging = true;
    this.#decide();
  }

  /** Figures are read from now on, or no longer. */
  measureWhile(read: boolean): void {
    this.#read = read;
    this.#decide();
  }

  /** The time constant of the latency estimates; milliseconds. */
  get decayMs(): number {
    return this.#decayMs ?? DEFAULT_DECAY_MS;
  }

  /**
   * Turns on what the policy of a view to come needs. Throws where that contradicts the others'
   * needs.
   */
  admit(policy: Policy): void {
    if (!policy.needsLatency) return;
    const decayMs = policy.decayMs ?? DEFAULT_DECAY_MS;
    if (this.#decayMs !== undefined && this.#decayMs !== decayMs) {
      throw this.#conflict(policy, decayMs, this.#decayMs);
    }
    this.#decayMs = decayMs;
    this.#decide();
  }

  /**
   * Makes ready that the views which go by the service's policy go by another one. Throws what
   * making its pickers throws, and where it contradicts the needs of the others.
   */
  change(policy: Policy, probes: ProbeSource | undefined): PreparedPolicy {
    const needs = (each: Policy): number | undefined =>
      each.needsLatency ? (each.decayMs ?? DEFAULT_DECAY_MS) : undefined;
    const views = this.#views.filter((view) => view.goesByService);
    const others = this.#views.filter((view) => !view.goesByService).map((view) => needs(view.policy));
    const wanted = [needs(policy), ...others].filter((each) => each !== undefined);
    if (wanted.some((each) => each !== wanted[0]))
      throw this.#conflict(policy, wanted[0]!, wanted.find((each) => each !== wanted[0])!);
    const prepared = views.map((view) => ({ view, pickers: view.prepare(policy, probes) }));
    return {
      adopt: (timed) => {
        this.#wanted = timed;
        this.#decayMs = wanted[0];
        this.#decide();
        for (const { view, pickers } of prepared) view.adopt(policy, pickers);
        this.#findObservers();
      },
      abandon: () => {
        for (const { pickers } of prepared) pickers.close();
      },
    };
  }

  /** Whether response times are needed whatever the policies need. */
  want(timed: boolean): void {
    this.#wanted = timed;
    this.#decide();
  }

  /** How many there are: a test holds that changes leave none behind. */
  get size(): number {
    return this.#views.length;
  }

  add(view: View): void {
    // Not by spreading, which leaves room for 16 more.
    this.#views = this.#views.concat([view]);
    this.#findObservers();
  }

  delete(view: View): void {
    this.#views = this.#views.filter((each) => each !== view);
    this.#findObservers();
  }

  /** A policy that throws at its new rotation keeps the others, and what follows, from nothing. */
  refresh(): void {
    for (const view of this.#views) {
      try {
        view.refresh();
      } catch (thrown) {
        this.#host.events.emit('error', toError(thrown));
      }
    }
  }

  /** A call ended. Hot path. A policy that throws here must not keep the call from ending. */
  observe(endpoint: LiveEndpoint, outcome: Outcome, latencyMs: number, nowMs: number): void {
    for (let i = 0; i < this.#observers.length; i++) {
      try {
        this.#observers[i]!.observe(endpoint, outcome, latencyMs, nowMs);
      } catch (thrown) {
        this.#host.events.emit('error', toError(thrown));
      }
    }
  }

  close(): void {
    for (const view of this.#views) view.close();
  }

  #decide(): void {
    this.#timed = this.#wanted || this.#judging || this.#decayMs !== undefined || this.#read;
  }

  #conflict(policy: Policy, decayMs: number, other: number): FairleadError {
    return new FairleadError(
      'FAIRLEAD_CONFLICT',
      `Policy ${policy.name} of a subset of '${this.#host.name}' wants decayMs ${decayMs}, but the service measures with ` +
        `${other}: give both the same.`,
      { service: this.#host.name },
    );
  }

  #findObservers(): void {
    const observers = this.#views.filter((each) => each.observes);
    this.#observers = observers.length === 0 ? NONE : observers;
  }
}
