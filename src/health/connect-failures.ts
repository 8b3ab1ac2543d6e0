import type { Endpoint } from '../endpoint/endpoint.js';
import { fields, integer, number, type Reader } from '../runtime/options.js';
import { Outcome } from '../runtime/outcome.js';
import { type EjectionTimes, ejectionTimes } from './ejection-times.js';
import type { Evidence, HealthContext, HealthSignal, HealthTracker } from './health.js';
import { direct } from './signal-context.js';

export interface ConnectFailuresOptions extends Partial<EjectionTimes> {
  /** Failed connections in a row that eject an endpoint. Default 5 (Envoy's); 1 to 1,000,000. */
  readonly failures?: number;
  /** The share of verdicts that is carried out. Default 1; 0 to 1. */
  readonly enforcementRatio?: number;
}

export const readConnectFailures: Reader<Required<ConnectFailuresOptions>> = fields<Required<ConnectFailuresOptions>>({
  failures: integer(5, 1, 1_000_000),
  enforcementRatio: number(1, 0, 1),
  ...ejectionTimes,
});

/**
 * Ejects an endpoint that could not be reached this many times in a row: Envoy's consecutive
 * local-origin failures. Apart from `consecutiveFailures`, because a refused connection is sure and
 * cheap to see, so fewer of them may do. Whatever shows that a connection stood, a failed call
 * included, ends the row.
 */
export function connectFailures(options?: ConnectFailuresOptions): HealthSignal {
  const read = readConnectFailures(options, 'connect_failures');
  const { enforcementRatio } = read;
  return {
    name: 'connect_failures',
    enforcementRatio,
    madeWith: read,
    create: direct((context) => new ConnectFailures(read, context)),
  };
}

class ConnectFailures implements HealthTracker {
  readonly #options: Required<ConnectFailuresOptions>;
  readonly #context: HealthContext;
  /** Failed connections in a row. An endpoint that can be reached has none. */
  readonly #rows = new Map<Endpoint, number>();

  constructor(options: Required<ConnectFailuresOptions>, context: HealthContext) {
    this.#options = options;
    this.#context = context;
  }

  record(endpoint: Endpoint, outcome: Outcome): number {
    // A call that timed out may never have had a connection: it neither continues the row nor ends
    // it.
    if (outcome === Outcome.Cancelled || outcome === Outcome.Timeout) return 0;
    if (outcome !== Outcome.ConnectFailure) {
      if (this.#rows.size > 0) this.#rows.delete(endpoint);
      return 0;
    }
    const failures = (this.#rows.get(endpoint) ?? 0) + 1;
    this.#rows.set(endpoint, failures);
    return failures >= this.#options.failures ? this.#context.nextEjectionMs(endpoint, this.#options) : 0;
  }

  explain(endpoint: Endpoint): Evidence {
    return { failures: this.#rows.get(endpoint) ?? 0, threshold: this.#options.failures };
  }

  probed(endpoint: Endpoint, ok: boolean): number {
    this.#rows.delete(endpoint);
    return ok ? 0 : this.#context.nextEjectionMs(endpoint, this.#options);
  }

  confirmed(endpoint: Endpoint): void {
    this.#rows.delete(endpoint);
  }

  forget(endpoint: Endpoint): void {
    this.#rows.delete(endpoint);
  }
}
