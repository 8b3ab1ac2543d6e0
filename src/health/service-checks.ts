import type { Endpoint } from '../endpoint/endpoint.js';
import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import { isSame } from '../runtime/same.js';
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
  #checks: readonly ActiveCheck[];
  readonly #host: ChecksHost;
  /** The checks of each endpoint. */
  #watched: Map<LiveEndpoint, Map<ActiveCheck, Watched>> | undefined;
  #closed = false;

  constructor(hub: CheckHub, checks: readonly ActiveCheck[], host: ChecksHost) {
    this.#hub = hub;
    this.#checks = checks;
    this.#host = host;
  }

  /** Those that this client uses are these from now on. */
  follow(members: readonly LiveEndpoint[]): void {
    if (this.#closed || (this.#checks.length === 0 && this.#watched === undefined)) return;
    this.#watched ??= new Map();
    const kept = new Set(members);
    for (const [endpoint, watched] of this.#watched) {
      if (kept.has(endpoint)) continue;
      stopAll(watched);
      this.#watched.delete(endpoint);
    }
    for (const endpoint of members) {
      if (!this.#watched.has(endpoint)) this.#watched.set(endpoint, this.#watch(endpoint));
    }
  }

  /**
   * Other checks from now on. An endpoint in use stays so until one of them says otherwise, and one
   * that failed a check of the same kind waits for the new one to pass. `follow` is to be called
   * after it. `members` are those that this client used until now.
   */
  reconfigure(checks: readonly ActiveCheck[], members: readonly LiveEndpoint[]): void {
    const before = this.#checks;
    if (this.#watched === undefined && checks.length > 0 && !this.#closed) {
      this.#watched = new Map(members.map((endpoint) => [endpoint, new Map()]));
    }
    // A check that stays is the object that there is: what it says keeps its place.
    this.#checks = checks.map((check) => before.find((each) => isSameCheck(each, check)) ?? check);
    for (const [endpoint, watched] of this.#watched ?? []) {
      const added = this.#checks
        .filter((check) => !watched.has(check))
        .map((check) => {
          const failing = [...watched].some(([{ name }, { healthy }]) => name === check.name && !healthy());
          return [check, this.#watchBy(check, endpoint, !failing)] as const;
        });
      for (const [check, { stop }] of watched) {
        if (this.#checks.includes(check)) continue;
        stop();
        watched.delete(check);
      }
      for (const [check, watch] of added) watched.set(check, watch);
      if (watched.size === 0) this.#watched?.delete(endpoint);
    }
  }

  close(): void {
    this.#closed = true;
    for (const watched of this.#watched?.values() ?? []) stopAll(watched);
    this.#watched = undefined;
  }

  #watch(endpoint: LiveEndpoint): Map<ActiveCheck, Watched> {
    return new Map(this.#checks.map((check) => [check, this.#watchBy(check, endpoint)]));
  }

  /** `wasWell`: what is known of an endpoint that was in use before the check. */
  #watchBy(check: ActiveCheck, endpoint: LiveEndpoint, wasWell?: boolean): Watched {
    const { initially, clearsEjection } = check.timing;
    let healthy = wasWell ?? initially === 'healthy';
    let awaited = wasWell === undefined && !healthy;
    if (awaited) endpoint.uncheckedBy++;
    if (!healthy) endpoint.countFailingChecks(1);
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
    return {
      healthy: () => healthy,
      stop: () => {
        stop();
        answered();
        if (!healthy) endpoint.countFailingChecks(-1);
      },
    };
  }
}

interface Watched {
  healthy(): boolean;
  stop(): void;
}

function stopAll(watched: ReadonlyMap<ActiveCheck, Watched>): void {
  for (const { stop } of watched.values()) stop();
}

function isSameCheck(a: ActiveCheck, b: ActiveCheck): boolean {
  return a === b || (a.identity !== undefined && a.identity === b.identity && isSame(a.timing, b.timing));
}
