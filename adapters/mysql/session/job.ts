import { type Endpoint, FairleadError, type Lease } from '../../../src/index.js';
import type { Checkout } from '../cluster/checkout.js';
import type { Consistency, RouteChoice } from '../common/options.js';
import type { Statement } from '../statement/classify.js';
import type { Attempt, Operation } from './operation.js';
import type { ConsistencySession, Scope } from './write-history.js';

/** What holds for jobs that say nothing themselves. */
export interface JobContext {
  readonly consistency: Consistency;
  /** The session of statements that belong to no other. */
  readonly session: ConsistencySession;
  scope(): Scope | undefined;
  /** Where the connection of that thread id is; an error where that cannot be known. */
  forThread(thread: number): RouteChoice | FairleadError | undefined;
}

/** Told when an attempt ended. */
export interface JobHost {
  attemptEnded(attempt: JobAttempt, error: unknown, result: unknown): void;
}

/**
 * An operation and what holds where it was asked for: callbacks of the driver run in nobody's async
 * context.
 */
export class Job {
  readonly operation: Operation;
  readonly session: ConsistencySession;
  readonly consistency: Consistency;
  readonly route: RouteChoice | 'same';
  /** Why it cannot be run, where that is known before anything is done. */
  readonly refusal: unknown;
  sent = false;

  constructor(operation: Operation, context: JobContext) {
    const { call } = operation;
    const scope = context.scope();
    this.operation = operation;
    this.session = scope?.session ?? context.session;
    this.consistency = call?.consistency ?? scope?.consistency ?? context.consistency;
    // A thread's server is no matter of choice, unless its caller names another one in the same
    // breath.
    const named = call?.thread === undefined ? undefined : context.forThread(call.thread);
    const asked = call?.route ?? named ?? scope?.route;
    this.refusal = asked instanceof FairleadError ? asked : undefined;
    const wanted = asked instanceof FairleadError ? undefined : asked;
    this.route = chooseRoute(operation.statement, wanted, this.consistency);
  }
}

/** A job on one connection. */
export class JobAttempt implements Attempt {
  readonly job: Job;
  readonly checkout: Checkout;
  readonly lease: Lease | undefined;
  readonly tried: readonly Endpoint[];
  /** 1 for the first. */
  readonly number: number;
  /** Undefined once it is over. */
  #host: JobHost | undefined;

  constructor(
    host: JobHost,
    job: Job,
    checkout: Checkout,
    lease: Lease | undefined,
    tried: readonly Endpoint[],
    number: number,
  ) {
    this.#host = host;
    this.job = job;
    this.checkout = checkout;
    this.lease = lease;
    this.tried = tried;
    this.number = number;
  }

  ended(error: unknown, result?: unknown): void {
    const host = this.#host;
    this.#host = undefined;
    host?.attemptEnded(this, error, result);
  }

  /** Nothing more is told. False where it was over already. */
  end(): boolean {
    const wasOpen = this.#host !== undefined;
    this.#host = undefined;
    return wasOpen;
  }
}

function chooseRoute(statement: Statement, asked: RouteChoice | undefined, consistency: Consistency): Job['route'] {
  const forced = asked ?? statement.forced;
  if (statement.route === 'same') return forced === undefined || forced === 'replica' ? 'same' : forced;
  if (forced !== undefined) return forced;
  return statement.route === 'replica' && consistency !== 'strong' ? 'replica' : 'primary';
}
