import { type Endpoint, FairleadError, Outcome } from '../../../src/index.js';
import type { Checkout } from '../cluster/checkout.js';
import { type ErrorMeaning, meaningOf } from '../common/errors.js';
import type { RouteChoice } from '../common/options.js';
import type { Statement } from '../statement/verdicts.js';
import { HeldConnection, type HeldContext } from './held-connection.js';
import { Job, JobAttempt, type JobContext } from './job.js';
import type { Operation } from './operation.js';
import { placeOnReplica, unplaceable } from './placement.js';
import type { Repeats } from './repeats.js';
import { forgotten, isInterruption, isUnknownThread, markAmbiguous, rolledBack, withCode } from './session-errors.js';
import { pingWithin } from './time-limit.js';

export interface RunnerContext extends JobContext, HeldContext {
  readonly retryReads: boolean;
  /** Of all sessions of a pool. */
  readonly repeats: Repeats;
  /** For sessions of one statement: what that leaves, nothing can use. */
  readonly isSingle?: boolean;
}

/** Servers a read is tried on, and tries to find the primary, before the error is reported. */
const MAX_ATTEMPTS = 3;

const NONE: readonly Endpoint[] = [];

/** Of LAST_INSERT_ID(), ROW_COUNT(), SHOW WARNINGS: on another connection the answer is wrong. */
const asksAboutLast = ({ route, effect, onReplica }: Statement): boolean =>
  route === 'same' && effect === 'none' && onReplica === 'never';

const BEGIN_READ_ONLY = 'START TRANSACTION READ ONLY';

/**
 * One session of statements. While it is clean, each read goes to a replica and each write to the
 * primary; once it holds state (a transaction, a variable, a lock) it stays where the state is.
 * Statements run one after the other, as on a connection of mysql2. It never holds one connection
 * while it waits for another: sessions cannot block each other.
 */
export class Runner {
  readonly #context: RunnerContext;
  readonly #held: HeldConnection;
  #queue: Job[] | undefined;
  /** What runs now. */
  #job: Job | undefined;
  /** Of `#job`, on the connection it was sent to. */
  #attempted: JobAttempt | undefined;
  /** The connection with the state is lost: going on elsewhere would run half a transaction. */
  #lost: unknown;
  /** KILL QUERYs that a server has yet to answer. */
  #cancels = 0;
  #releasing = false;
  #advancing = false;
  #destroyed = false;

  constructor(context: RunnerContext) {
    this.#context = context;
    this.#held = new HeldConnection(context);
  }

  run(operation: Operation): void {
    const job = new Job(operation, this.#context);
    if (this.#job === undefined && this.#queue === undefined && this.#cancels === 0) this.#start(job);
    else {
      this.#queue ??= [];
      this.#queue.push(job);
    }
  }

  /** The connection the last statement ran on, while it is held. */
  get current(): Checkout | undefined {
    return this.#held.checkout;
  }

  /** Why this session cannot go on, once the connection with its state is lost. */
  get lost(): unknown {
    return this.#lost;
  }

  get isDestroyed(): boolean {
    return this.#destroyed;
  }

  /** Gives everything back, after what is queued. Idempotent. */
  release(): void {
    this.#releasing = true;
    if (this.#job === undefined) this.#held.giveBack();
  }

  /**
   * Ends the statement that runs now: on its server by KILL QUERY, or before it is sent, where it
   * still waits for a connection. What is queued behind it goes on once the server has answered.
   * Calls back with whether there was one.
   */
  cancel(done: (error: unknown, cancelled?: boolean) => void): void {
    const job = this.#job;
    if (job === undefined) done(null, false);
    else if (this.#attempted === undefined) {
      const { name: service } = this.#context.cluster.service;
      this.#finish(job, new FairleadError('FAIRLEAD_CANCELLED', 'Cancelled. Nothing was sent.', { service }));
      done(null, true);
    } else this.#kill(this.#attempted.checkout, done);
  }

  /**
   * Until the server has answered, what KILL QUERY hits must be the statement that was meant: this
   * session sends no other, and a connection that is released meanwhile serves no other session.
   */
  #kill({ endpoint, physical }: Checkout, done: (error: unknown, cancelled?: boolean) => void): void {
    const answered = (error: unknown): void => {
      this.#cancels--;
      // Where it failed, whether something will still be hit is not known.
      if (!error && this.#cancels === 0) physical.killing = false;
      if (this.#job === undefined) this.#goOn();
      if (isUnknownThread(error)) done(null, false);
      else done(error, error ? undefined : true);
    };
    physical.killing = true;
    this.#cancels++;
    this.#context.cluster.killQuery(endpoint, physical.connection.threadId, answered);
  }

  /** Cuts the connection: what runs and what is queued fails. */
  destroy(): void {
    this.#releasing = this.#destroyed = true;
    const error = Object.assign(new Error('The connection was destroyed.'), {
      code: 'PROTOCOL_CONNECTION_LOST',
      fatal: true,
    });
    const failed = [...(this.#job === undefined ? [] : [this.#job]), ...(this.#queue ?? [])];
    this.#job = this.#queue = undefined;
    this.#lost = error;
    // The driver does not report that it was destroyed: a further call's own lease would never end.
    this.#attempted?.end();
    this.#attempted?.lease?.done(Outcome.Cancelled);
    this.#attempted = undefined;
    if (this.#held.checkout !== undefined) {
      this.#held.checkout.physical.usable = false;
      this.#held.drop(Outcome.Cancelled);
    }
    for (const job of failed) job.settle(error);
  }

  #start(job: Job): void {
    this.#job = job;
    const refusal = this.#lost ?? job.refusal ?? this.#refusalOf(job);
    if (refusal !== undefined) this.#finish(job, refusal);
    else if (job.operation.statement.effect === 'reset') this.#reset(job);
    else {
      this.#context.repeats.count();
      this.#attempt(job, NONE, 1);
    }
  }

  #reset(job: Job): void {
    this.#held.reset((kept) => {
      if (this.#job !== job) return;
      if (!kept) this.#lost = new Error('The connection was lost while it was reset.');
      this.#finish(job, this.#lost ?? null);
    });
  }

  /** What is about one server runs on no other, and the session cannot leave where its state is. */
  #refusalOf({ route, operation }: Job): Error | undefined {
    const { checkout, state, forgotInsertId } = this.#held;
    if (forgotInsertId && asksAboutLast(operation.statement)) return forgotten();
    if (typeof route !== 'object' || checkout === undefined || !state.mustStay) return undefined;
    const { id } = checkout.endpoint.spec;
    if (id === route.endpoint) return undefined;
    const { name: service } = this.#context.cluster.service;
    const message =
      `This session holds state (a transaction, variables or locks) on '${id}' of service '${service}': it cannot ` +
      `run a statement on '${route.endpoint}'. Nothing was sent. Use another connection.`;
    return new FairleadError('FAIRLEAD_UNROUTABLE', message, { service, endpoint: route.endpoint });
  }

  #attempt(job: Job, tried: readonly Endpoint[], number: number): void {
    const held = this.#held;
    const { checkout, state } = held;
    if (checkout !== undefined && state.mustStay && held.isOnReplica && typeof job.route !== 'object') {
      this.#attemptOnReplica(job, checkout, tried, number);
    } else if (checkout !== undefined && held.mayServe(job)) this.#sendOn(checkout, job, tried, number);
    else {
      held.drop(Outcome.Success);
      this.#checkOut(job, tried, number);
    }
  }

  #attemptOnReplica(job: Job, checkout: Checkout, tried: readonly Endpoint[], number: number): void {
    const placement = placeOnReplica(job, this.#held.state);
    if (placement === 'held') this.#sendOn(checkout, job, tried, number);
    else if (placement === 'refuse') this.#refuse(job, checkout);
    else if (placement === 'held_when_fresh') {
      this.#context.freshness.waitFor(checkout, job.session, job.consistency, job, (isFresh) => {
        if (this.#job !== job) return;
        if (isFresh) this.#sendOn(checkout, job, tried, number);
        else this.#refuse(job, checkout);
      });
    } else {
      this.#held.giveBack();
      this.#checkOut(job, tried, number, placement === 'begin_on_primary');
    }
  }

  #refuse(job: Job, { endpoint }: Checkout): void {
    this.#finish(job, unplaceable(job, this.#held.state, this.#context.cluster.service.name, endpoint.spec.id));
  }

  #sendOn(checkout: Checkout, job: Job, tried: readonly Endpoint[], number: number): void {
    const lease = this.#context.cluster.leaseOn(checkout.endpoint);
    this.#send(new JobAttempt(this, job, tried, number, false).isOn(checkout, lease));
  }

  /** `inTransaction`: its session is in a read-only transaction, which is begun first. */
  #checkOut(job: Job, tried: readonly Endpoint[], number: number, inTransaction = false): void {
    const { cluster, freshness } = this.#context;
    const attempt = new JobAttempt(this, job, tried, number, inTransaction);
    if (inTransaction || job.route === 'same') cluster.checkout('primary', tried, attempt);
    else if (job.route !== 'replica') cluster.checkout(job.route as RouteChoice, tried, attempt);
    else freshness.checkoutFresh(job.session, job.consistency, tried, attempt);
  }

  /** For its attempts. */
  attemptTook(attempt: JobAttempt, error: unknown, checkout: Checkout | undefined): void {
    const { job, inTransaction } = attempt;
    const { cluster } = this.#context;
    if (this.#job !== job) {
      // Destroyed meanwhile.
      if (checkout !== undefined) cluster.release(checkout, Outcome.Cancelled);
    } else if (checkout === undefined) {
      if (inTransaction) this.#lost = error;
      this.#finish(job, error);
    } else if (this.#opensTransaction(job, checkout)) {
      cluster.release(checkout, Outcome.Cancelled);
      cluster.checkout('primary', attempt.tried, attempt);
    } else {
      this.#held.take(checkout);
      attempt.isOn(checkout, checkout.lease);
      if (inTransaction) this.#beginFor(attempt);
      else this.#send(attempt);
    }
  }

  /**
   * Whether a read would open a transaction on this replica, although the caller did not send it
   * there: without autocommit, what begins with a read may go on with a write.
   */
  #opensTransaction({ route, isDirected, operation }: Job, { endpoint, physical }: Checkout): boolean {
    if (physical.autocommits || this.#context.isSingle === true) return false;
    const isPlainRead = route === 'replica' && !isDirected && operation.statement.effect === 'none';
    return isPlainRead && !this.#context.cluster.isPrimary(endpoint);
  }

  /** The read-only transaction of the session, once more: it had read nothing where it was. */
  #beginFor(attempt: JobAttempt): void {
    const { job, checkout } = attempt;
    checkout.physical.inbound.caller = job;
    const begin = { sql: BEGIN_READ_ONLY, timeout: this.#context.cleanWithinMs };
    checkout.physical.connection.query(begin, [], (error) => {
      if (this.#job !== job) return;
      this.#held.changing.inTransaction = true;
      if (error) this.#failed(attempt, error);
      else this.#send(attempt);
    });
  }

  #send(attempt: JobAttempt): void {
    const { job, checkout } = attempt;
    this.#attempted = attempt;
    job.sent = true;
    const { inbound } = checkout.physical;
    inbound.caller = job;
    inbound.question = job.operation;
    try {
      attempt.limit(this.#context.cluster.clock);
      job.operation.send(checkout, attempt);
    } catch (error) {
      // Refused by the driver before anything was sent: parameters of a wrong type.
      if (!attempt.end()) throw error;
      job.sent = false;
      attempt.lease?.done(Outcome.Cancelled);
      this.#finish(job, error);
    }
  }

  /** For its attempts. */
  attemptEnded(attempt: JobAttempt, error: unknown, result: unknown): void {
    const { inbound } = attempt.checkout.physical;
    inbound.caller = inbound.question = undefined;
    if (!error) {
      attempt.lease?.done(Outcome.Success);
      this.#succeeded(attempt, result);
    } else if (isInterruption(error) && !this.#held.state.mustStay) this.#interrupted(attempt, error);
    // Whatever context the answer was read in: it may be sent once more.
    else attempt.job.run(this.#failed, this, attempt, error);
  }

  /** As a statement that was killed, or by a server that shuts down: that answers no ping. */
  #interrupted(attempt: JobAttempt, error: unknown): void {
    const { cluster, cleanWithinMs } = this.#context;
    pingWithin(attempt.checkout.physical.connection, cluster.clock, cleanWithinMs, (gone) =>
      attempt.job.run(this.#failed, this, attempt, gone ?? error),
    );
  }

  #succeeded({ job, checkout }: JobAttempt, result: unknown): void {
    if (this.#job !== job) return;
    const { session } = job;
    const { statement } = job.operation;
    const { cluster, freshness } = this.#context;
    const { physical } = checkout;
    const held = this.#held;
    const isRead = statement.route !== 'primary' && Array.isArray(result);
    held.hasRun = true;
    if (isRead && session.sticky && typeof job.route !== 'object') freshness.hasRead(session, checkout.endpoint);
    let refusal: FairleadError | undefined;
    if (!isRead || !held.state.isUnchangedBy(statement, physical)) {
      const state = held.changing;
      const wasInTransaction = state.inTransaction;
      state.succeeded(statement, result, physical, session, cluster.clock, held.isOnReplica);
      if (state.hasInsertId) held.forgotInsertId = false;
      if (state.hasOtherSchema) physical.retired = true;
      if (!wasInTransaction && state.inTransaction && statement.effect === 'none') refusal = this.#beganUnasked();
    }
    this.#finish(job, refusal ?? null, result);
  }

  /** Without autocommit a statement opened a transaction. */
  #beganUnasked(): FairleadError | undefined {
    const { isSingle, cluster } = this.#context;
    const isLost = isSingle === true && this.#held.state.hasWritten;
    // A snapshot on a replica is of no use to a transaction that may write.
    if (this.#held.isOnReplica) this.#held.giveBack();
    return isLost ? rolledBack(cluster.service.name) : undefined;
  }

  #failed({ job, checkout, lease, tried, number }: JobAttempt, thrown: unknown): void {
    const meaning = meaningOf(thrown);
    const error = withCode(thrown);
    lease?.done(meaning.outcome);
    if (meaning.demoted) this.#context.cluster.demoted(checkout);
    if (this.#job !== job) return;
    const { statement } = job.operation;
    const { mustStay } = this.#held.state;
    const isBound = mustStay || (this.#held.hasRun && asksAboutLast(statement));
    // It may have written before it failed; or it failed because of what others wrote, which a
    // replica may not have. So may the end of a transaction, or what was sent there by its caller's
    // word.
    if ((statement.route !== 'replica' || job.route === 'primary') && meaning.effect !== 'not_executed') {
      job.session.untoldWriteAtMs = this.#context.cluster.clock.now();
    }
    if (!meaning.connectionUsable) {
      checkout.physical.usable = false;
      this.#held.drop(meaning.outcome);
    } else if (meaning.effect === 'executed' && (statement.effect === 'session' || statement.effect === 'begin')) {
      // Several statements in one fail in the middle: what came before may have left something.
      this.#held.changing.hasState = true;
    } else if (meaning.demoted && !mustStay) this.#held.drop(Outcome.ApplicationError);
    if (!isBound && number < MAX_ATTEMPTS && this.#mayRepeat(job.operation, meaning) && this.#context.repeats.take()) {
      this.#attempt(job, meaning.demoted ? tried : [...tried, checkout.endpoint], number + 1);
      return;
    }
    if (!meaning.connectionUsable && (mustStay || statement.effect !== 'none')) this.#lost = error;
    this.#finish(job, statement.route !== 'replica' ? markAmbiguous(error, meaning) : error);
  }

  #mayRepeat({ repeatable, statement }: Operation, meaning: ErrorMeaning): boolean {
    const { effect, route } = statement;
    if (!repeatable || meaning.effect === 'executed') return false;
    if (meaning.effect === 'not_executed') return effect !== 'session' && effect !== 'end';
    // A statement's own time limit covers all of its attempts.
    return this.#context.retryReads && route === 'replica' && effect === 'none' && !meaning.ownTimeout;
  }

  #finish(job: Job, error: unknown, result?: unknown): void {
    this.#job = this.#attempted = undefined;
    if (this.#releasing && this.#queue === undefined) this.#held.giveBack();
    job.settle(error, result);
    this.#goOn();
  }

  #goOn(): void {
    if (this.#queue !== undefined && !this.#advancing && this.#cancels === 0) this.#advance();
  }

  /** In a loop: of thousands that fail one after the other, each would be a call deeper. */
  #advance(): void {
    this.#advancing = true;
    try {
      while (this.#job === undefined && this.#queue !== undefined && this.#cancels === 0) {
        const next = this.#queue.shift()!;
        if (this.#queue.length === 0) this.#queue = undefined;
        next.run(this.#start, this, next);
      }
    } finally {
      this.#advancing = false;
    }
  }
}
