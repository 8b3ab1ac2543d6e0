import { Durations } from '../runtime/durations.js';

/** What the operations of a service are calls of: which convention their metrics follow. */
export type OperationSystem = 'grpc' | 'http' | 'redis' | 'mysql' | 'mariadb' | 'tcp';

/** Operations that ended in one way. */
export class OperationSeries extends Durations {
  /** A method, a command, a verb, the first word of a statement. */
  readonly operation: string;
  /** As its protocol says it: `OK`, `503`, an error's code; '' where it says nothing. */
  readonly status: string;
  /** Whether it failed, as the caller sees it. */
  readonly failed: boolean;

  constructor(operation: string, status: string, failed: boolean) {
    super();
    this.operation = operation;
    this.status = status;
    this.failed = failed;
  }
}

/** Names may come from callers: so many series, and one for all that come later. */
const MAX_SERIES = 1_000;
const OTHER = '_OTHER';

/**
 * The operations of one service by name and end, as their callers see them: attempts are in them,
 * and are not told apart. For metrics under the names of conventions.
 */
export class OperationMeter {
  readonly system: OperationSystem;
  readonly #series = new Map<string, Map<string, OperationSeries>>();
  #size = 0;

  constructor(system: OperationSystem) {
    this.system = system;
  }

  /** Allocates the first time only. Hot path. */
  of(operation: string, status: string, failed: boolean): OperationSeries {
    const known = this.#series.get(operation)?.get(status);
    if (known !== undefined) return known;
    if (this.#size < MAX_SERIES || operation === OTHER) return this.#add(operation, status, failed);
    return failed ? this.of(OTHER, OTHER, true) : this.of(OTHER, '', false);
  }

  get all(): readonly OperationSeries[] {
    return [...this.#series.values()].flatMap((byStatus) => [...byStatus.values()]);
  }

  #add(operation: string, status: string, failed: boolean): OperationSeries {
    let byStatus = this.#series.get(operation);
    if (byStatus === undefined) {
      byStatus = new Map();
      this.#series.set(operation, byStatus);
    }
    const series = new OperationSeries(operation, status, failed);
    byStatus.set(status, series);
    this.#size++;
    return series;
  }
}
