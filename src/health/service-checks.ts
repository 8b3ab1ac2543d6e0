import type { Endpoint } from '../endpoint/endpoint.js';
import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { ActiveCheck } from './active-check.js';
import type { CheckHub } from './check-hub.js';

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
  /** An endpoint's state changed: recompute the rotation. */
  changed(): void;
  checked(event: CheckEvent, endpoint: LiveEndpoint): void;
  /** A check that may end an ejection passed. */
  vouched(endpoint: LiveEndpoint): void;
}

/** The active checks of one service: on every endpoint that this client uses, and on no other. */
export class Checks {
  readonly #hub: CheckHub;
  readonly #checks: readonly ActiveCheck[];
  readonly #host: ChecksHost;
  /** What ends the checks of each endpoint. */
  readonly #watched = new Map<LiveEndpoint, () => void>();
  #closed = false;

  constructor(hub: CheckHub, checks: readonly ActiveCheck[], host: ChecksHost) {
    this.#hub = hub;
    this.#checks = checks;
    this.#host = host;
  }

  /** Those that this client uses are these from now on. */
  follow(members: readonly LiveEndpoint[]): void {
    if (this.#closed || this.#checks.length === 0) return;
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
    for (const stop of this.#watched.values()) stop();
    this.#watched.clear();
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
    // A check that others have runs already and reports at once: then the rotation is about to be
    // computed anyway.
    let joining = true;
    const stop = this.#hub.watch(check, endpoint.spec, {
      turned: (isHealthy, reason) => {
        const isFirst = answered();
        if (isHealthy !== healthy) {
          healthy = isHealthy;
          endpoint.countFailingChecks(isHealthy ? -1 : 1);
        } else if (!isFirst) return;
        this.#host.checked({ endpoint, check: check.name, healthy, reason, isFirst }, endpoint);
        if (!joining) this.#host.changed();
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
