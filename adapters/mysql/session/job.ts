import { CallerContext, judgeAfter } from '../../../src/adapter.js';
import { type Clock, type Endpoint, FairleadError, type Lease, type Timer } from '../../../src/index.js';
import type { Checkout, Taker } from '../cluster/checkout.js';
import type { Consistency, RouteChoice } from '../common/options.js';
import { mayBeAsked } from '../statement/router.js';
import type { Statement } from '../statement/verdicts.js';
import type { Attempt, Operation } from './operation.js';
import type { StatementTimes } from './statement-times.js';
import { timedOut } from './time-limit.js';
import type { ConsistencySession, Scope } from './write-history.js';

/** What holds for jobs that set nothing themselves. */
export interface JobContext {
  readonly consistency: Consistency;
  /** The session of statements that belong to no other. */
  readonly session: ConsistencySession;
  /** Of all sessions of a pool; undefined where none are taken. */
  readonly times?: StatementTimes;
  scope(): Scope | undefined;
  /** Where the connection of that thread id is; an error where that cannot be known. */
  forThread(thread: number): RouteChoice | FairleadError | undefined;
}

/** Told what becomes of an attempt. */
export interface JobHost {
  attemptTook(attempt: JobAttempt, error: unknown, checkout: Checkout | undefined): void;
  attemptEnded(attempt: JobAttempt, error: unknown, result: unknown): void;
}

/**
 * An operation, and what holds where it was asked for. It is started, sent and settled in the async
 * context of its caller, whatever happened to make that possible.
 */
export class Job extends CallerContext {
  readonly operation: Operation;
  readonly session: ConsistencySession;
  readonly consistency: Consistency;
  readonly route: RouteChoice | 'same';
  /** The call itself asks for `replica`. */
  readonly saysReplica: boolean;
  /** Its route does not come from the scanner. */
  readonly isDirected: boolean;
  /** Why it cannot be run, where that is known before anything is done. */
  readonly refusal: unknown;
  sent = false;
  readonly #times: StatementTimes | undefined;
  readonly #startMs: number;

  constructor(operation: Operation, context: JobContext) {
    super();
    const { call } = operation;
    const scope = context.scope();
    this.operation = operation;
    this.#times = context.times;
    this.#startMs = context.times === undefined ? Number.NaN : context.times.begin();
    this.session = scope?.session ?? context.session;
    this.consistency = call?.consistency ?? scope?.consistency ?? context.consistency;
    // A thread's server is not a choice, unless its caller names another one in the same call.
    const named = call?.thread === undefined ? undefined : context.forThread(call.thread);
    this.refusal = call?.route === undefined && named instanceof FairleadError ? named : undefined;
    const asked = call?.route ?? (named instanceof FairleadError ? undefined : named);
    this.saysReplica = asked === 'replica';
    const { forced, hint } = operation.statement;
    this.isDirected = (asked ?? scope?.route ?? forced ?? hint) !== undefined;
    this.route = chooseRoute(operation.statement, asked, scope?.route, this.consistency);
  }

  /**
   * Tells the caller. An error before anything was sent may come before the caller has its
   * listeners in place.
   */
  settle(error: unknown, result?: unknown): void {
    this.#times?.ended(this.#startMs, this.operation.statement.operation, error);
    if (this.sent) this.run(tell, undefined, this.operation, error, result);
    else process.nextTick(() => this.run(tell, undefined, this.operation, error, result));
  }
}

/** What the caller's callback throws is uncaught, as with mysql2, but stops nothing here. */
function tell(operation: Operation, error: unknown, result: unknown): void {
  try {
    operation.settle(error, result);
  } catch (thrown) {
    process.nextTick(() => {
      throw thrown;
    });
  }
}

/** A job on one connection, or on its way to one. */
export class JobAttempt implements Attempt, Taker {
  readonly job: Job;
  /** Once it has one. */
  checkout!: Checkout;
  lease: Lease | undefined;
  /** Its session is in a read-only transaction, which is begun first where it is now. */
  readonly inTransaction: boolean;
  readonly tried: readonly Endpoint[];
  /** 1 for the first. */
  readonly number: number;
  readonly #host: JobHost;
  #isOver = false;
  #limit: Timer | undefined;

  constructor(host: JobHost, job: Job, tried: readonly Endpoint[], number: number, inTransaction: boolean) {
    this.#host = host;
    this.job = job;
    this.tried = tried;
    this.number = number;
    this.inTransaction = inTransaction;
  }

  get caller(): Job {
    return this.job;
  }

  took(error: unknown, checkout?: Checkout): void {
    // Also where it is over, as the connection must be given back.
    this.#host.attemptTook(this, error, checkout);
  }

  /** Where it is sent, and what it is counted by there. */
  isOn(checkout: Checkout, lease: Lease | undefined): this {
    this.checkout = checkout;
    this.lease = lease;
    return this;
  }

  /** It is about to be sent: its time limit begins. */
  limit(clock: Clock): void {
    const { timeoutMs = 0 } = this.job.operation;
    if (timeoutMs > 0) this.#limit = this.#endingAfter(clock, timeoutMs);
  }

  #endingAfter(clock: Clock, timeoutMs: number): Timer {
    return judgeAfter(clock, timeoutMs, () => this.ended(timedOut(timeoutMs)));
  }

  ended(error: unknown, result?: unknown): void {
    if (this.end()) this.#host.attemptEnded(this, error, result);
  }

  /** Nothing more is reported. False where it was over already. */
  end(): boolean {
    const wasOpen = !this.#isOver;
    this.#isOver = true;
    this.#limit?.cancel();
    return wasOpen;
  }
}

/**
 * Where a statement goes: by the word of its call, of its context, of the `classify` option, of a
 * hint in its text, or as the scanner found; the first that decides. `replica` is obeyed for what
 * may run there (see `Statement.onReplica`); a hint does not make a read less fresh.
 */
export function chooseRoute(
  statement: Statement,
  asked: RouteChoice | undefined,
  inScope: RouteChoice | undefined,
  consistency: Consistency,
): RouteChoice | 'same' {
  const { route, forced, hint, onReplica } = statement;
  if (asked !== undefined && (asked !== 'replica' || mayBeAsked(statement))) return asked;
  if (inScope !== undefined && (inScope !== 'replica' || onReplica === 'yes')) return inScope;
  if (forced !== undefined) return forced;
  if (hint !== undefined && (hint === 'primary' || consistency !== 'strong')) return hint;
  if (route === 'same') return 'same';
  return route === 'replica' && consistency !== 'strong' ? 'replica' : 'primary';
}
