import { type CallCounter, callCounter } from '../../../src/adapter.js';
import type { Clock, Service } from '../../../src/index.js';

const MICROS_PER_MS = 1_000;

/**
 * How long the statements of a pool took, as its callers see them: the wait for a connection and
 * repeats are part of one. Costs a comparison while nobody reads figures.
 */
export class StatementTimes {
  readonly #counter: CallCounter;
  /** Of MariaDB, made once a server is one. */
  #mariadb: CallCounter | undefined;
  readonly #service: Service;
  readonly #clock: Clock;
  readonly #flavor: () => 'mysql' | 'mariadb';

  /** `flavor` is that of the servers, as far as is known. */
  constructor(service: Service, clock: Clock, flavor: () => 'mysql' | 'mariadb') {
    this.#counter = callCounter(service, 'mysql');
    this.#service = service;
    this.#clock = clock;
    this.#flavor = flavor;
  }

  /** The time of the beginning; NaN where nobody reads figures. */
  begin(): number {
    return this.#counter.on ? this.#clock.now() : Number.NaN;
  }

  /** `name` is undefined for what is not a statement. */
  ended(startMs: number, name: string | undefined, error: unknown): void {
    if (name === undefined || Number.isNaN(startMs) || !this.#counter.on) return;
    const micros = Math.max(0, Math.round((this.#clock.now() - startMs) * MICROS_PER_MS));
    const failed = error !== null && error !== undefined;
    this.#ofFlavor.operations.of(name, failed ? statusOf(error) : '', failed).add(micros);
  }

  get #ofFlavor(): CallCounter {
    if (this.#flavor() === 'mysql') return this.#counter;
    this.#mariadb ??= callCounter(this.#service, 'mariadb');
    return this.#mariadb;
  }
}

/**
 * The server's number of an error, as the conventions have it; else the code of the driver or ours.
 */
function statusOf(error: unknown): string {
  const { errno, code } = error as { readonly errno?: unknown; readonly code?: unknown };
  // Those of the operating system are negative.
  if (typeof errno === 'number' && errno > 0) return String(errno);
  return typeof code === 'string' ? code : '_OTHER';
}
