import { callCounter } from '../../../src/adapter.js';
import type { Clock, Service } from '../../../src/index.js';

const MICROS_PER_MS = 1_000;

/**
 * How long the statements of a pool took, as its callers see them: the wait for a connection and
 * repeats are part of one. Costs a comparison while nobody reads figures.
 */
export class StatementTimes {
  readonly #counter: ReturnType<typeof callCounter>;
  readonly #clock: Clock;

  constructor(service: Service, clock: Clock) {
    this.#counter = callCounter(service, 'mysql');
    this.#clock = clock;
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
    this.#counter.operations.of(name, failed ? statusOf(error) : '', failed).add(micros);
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
