import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { ChecksHost } from './service-checks.js';

/** What an adapter's own prober found out about an endpoint. */
export interface CheckReport {
  /** Whose word this is: each reporter takes back its own only. Not kept alive by it. */
  readonly by: object;
  /** The name in `checked` events, such as `mysql`. */
  readonly check: string;
  /** Undefined: it looks at this endpoint no more, and what it said is void. */
  readonly healthy: boolean | undefined;
  /** Why it is not. */
  readonly reason?: Error | undefined;
}

/**
 * Checks that adapters run themselves, because they ask more than whether something answers: an
 * endpoint is unhealthy while any of its reporters says so.
 */
export class ReportedChecks {
  readonly #host: ChecksHost;
  /** Those who say of an endpoint that it is not well. */
  #against: WeakMap<LiveEndpoint, Set<object>> | undefined;

  constructor(host: ChecksHost) {
    this.#host = host;
  }

  /** Cheap where it says nothing new. */
  report(endpoint: LiveEndpoint, { by, check, healthy, reason }: CheckReport): void {
    const against = this.#against?.get(endpoint);
    const isFailing = against?.has(by) === true;
    if (isFailing === (healthy === false)) return;
    if (healthy === false) {
      this.#against ??= new WeakMap();
      if (against === undefined) this.#against.set(endpoint, new Set([by]));
      else against.add(by);
    } else against?.delete(by);
    endpoint.countFailingChecks(healthy === false ? 1 : -1);
    if (healthy !== undefined) {
      this.#host.checked({ endpoint, check, healthy, reason, isFirst: false }, endpoint);
    }
    this.#host.changed();
  }
}
