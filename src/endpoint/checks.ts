import type { ActiveCheck } from '../health/active-check.js';
import type { CheckHub } from '../health/check-hub.js';
import type { Clock, Timer } from '../runtime/clock.js';
import type { Endpoint } from './endpoint.js';
import type { LiveEndpoint } from './live-endpoint.js';

export interface CheckEvent {
  readonly endpoint: Endpoint;
  /** The check's name. */
  readonly check: string;
  readonly healthy: boolean;
  /** Why it is not. */
  readonly reason: Error | undefined;
  /** It is the first result of an endpoint that was to wait for it. */
  readonly isFirst: boolean;
}

export interface ChecksHost {
  /** An endpoint's state changed: compute the rotation anew. */
  changed(): void;
  checked(event: CheckEvent, endpoint: LiveEndpoint): void;
  /** A check that may end an ejection passed. */
  vouched(endpoint: LiveEndpoint): void;
}

/** Below this many endpoints every result makes a new rotation at once. */
const FEW = 200;

/**
 * Above, one per so many milliseconds and thousand endpoints: a rotation costs up to a millisecond per thousand, and when
 * thousands come or fall sick together, one for each result would take seconds.
 */
const GAP_MS_PER_THOUSAND = 10;

/** The active checks of one service: on every endpoint that this client uses, and on no other. */
export class Checks {
  readonly #clock: Clock;
  readonly #hub: CheckHub;
  readonly #checks: readonly ActiveCheck[];
  readonly #host: ChecksHost;
  /** What ends the checks of each endpoint. */
  readonly #watched = new Map<LiveEndpoint, () => void>();
  #closed = false;
  /** When the rotation was computed last. */
  #computedAtMs = Number.NEGATIVE_INFINITY;
  /** Until it is computed for what has been found out since. */
  #computing: Timer | undefined;

  constructor(clock: Clock, hub: CheckHub, checks: readonly ActiveCheck[], host: ChecksHost) {
    this.#clock = clock;
    this.#hub = hub;
    this.#checks = checks;
    this.#host = host;
  }

  /** Those that this client uses are these from now on. Called whenever the rotation is computed. */
  follow(members: readonly LiveEndpoint[]): void {
    if (this.#closed || this.#checks.length === 0) return;
    this.#computing?.cancel();
    this.#computing = undefined;
    this.#computedAtMs = this.#clock.now();
    const kept = new Set(members);
    for (const [endpoint, stop] of this.#watched) {
      if (kept.has(endpoint)) continue;
      stop();
      this.#watched.delete(endpoint);
    }
    for (const endpoint of members) {
      if (!this.#watched.has(endpoint)) this.#watched.set(endpoint, this.#watch(endpoint));
    }
  }

  close(): void {
    this.#closed = true;
    this.#computing?.cancel();
    for (const stop of this.#watched.values()) stop();
    this.#watched.clear();
  }

  /** At once, or with what else is found out within the gap. */
  #changed(): void {
    if (this.#computing !== undefined) return;
    const count = this.#watched.size;
    const gapMs = count < FEW ? 0 : (count / 1_000) * GAP_MS_PER_THOUSAND;
    const waitMs = this.#computedAtMs + gapMs - this.#clock.now();
    if (waitMs <= 0) this.#host.changed();
    else this.#computing = this.#clock.after(waitMs, () => this.#host.changed());
  }

  #watch(endpoint: LiveEndpoint): () => void {
    const stops = this.#checks.map((check) => this.#watchBy(check, endpoint));
    return () => {
      for (const stop of stops) stop();
    };
  }

  #watchBy(check: ActiveCheck, endpoint: LiveEndpoint): () => void {
    const { initially, clearsEjection } = check.timing;
    let healthy = initially === 'healthy';
    let awaited = !healthy;
    if (awaited) {
      endpoint.uncheckedBy++;
      endpoint.countFailingChecks(1);
    }
    const answered = (): boolean => {
      if (!awaited) return false;
      awaited = false;
      endpoint.uncheckedBy--;
      return true;
    };
    // A check that others have runs already tells at once: then the rotation is about to be computed anyway.
    let joining = true;
    const stop = this.#hub.watch(check, endpoint.spec, {
      turned: (isHealthy, reason) => {
        const isFirst = answered();
        if (isHealthy !== healthy) {
          healthy = isHealthy;
          endpoint.countFailingChecks(isHealthy ? -1 : 1);
        } else if (!isFirst) return;
        this.#host.checked({ endpoint, check: check.name, healthy, reason, isFirst }, endpoint);
        if (!joining) this.#changed();
      },
      passed: () => {
        if (clearsEjection && endpoint.state !== 'unhealthy') this.#host.vouched(endpoint);
      },
    });
    joining = false;
    return () => {
      stop();
      answered();
      if (!healthy) endpoint.countFailingChecks(-1);
    };
  }
}
