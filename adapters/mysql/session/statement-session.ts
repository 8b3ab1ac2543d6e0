import { type Endpoint, FairleadError, Outcome } from '../../../src/index.js';
import type { Checkout } from '../cluster/checkout.js';
import type { Cluster } from '../cluster/cluster.js';
import { type ErrorMeaning, meaningOf } from '../common/errors.js';
import { isReusable } from '../connections/physical.js';
import type { Freshness } from './freshness.js';
import { Job, JobAttempt, type JobContext } from './job.js';
import type { Operation } from './operation.js';
import { SessionState } from './session-state.js';

export interface RunnerContext extends JobContext {
  readonly cluster: Cluster;
  readonly freshness: Freshness;
  readonly retryReads: boolean;
  /** mysql2's resetOnRelease: clean even what holds no state. */
  readonly resetOnRelease: boolean;
  /**
   * Whether a session that got an insert id stays on the primary, where LAST_INSERT_ID() tells it.
   */
  readonly keepsInsertId: boolean;
  /** A connection whose session was changed comes back: make it as new, or say that it is not. */
  clean(checkout: Checkout, done: (usable: boolean) => void): void;
  /** A connection was taken, or is about to be given back. */
  acquired?(checkout: Checkout): void;
  released?(checkout: Checkout): void;
}

/** Servers a read is tried on, and tries to find the primary, before the error is told. */
const MAX_ATTEMPTS = 3;

const NONE: readonly Endpoint[] = [];

/**
 * One session of statements. While it is clean, each read goes to a replica and each write to the
 * primary; once it holds state (a transaction, a variable, a lock) it stays where the state is.
 * Statements run one after the other, as on a connection of mysql2. It never holds one connection
 * while it waits for another: sessions cannot block each other.
 */
export class Runner {
  readonly #context: RunnerContext;
  readonly #state: SessionState;
  #queue: Job[] | undefined;
  /** What runs now. */
  #job: Job | undefined;
  /** Of `#job`, on the connection it was sent to. */
  #attempted: JobAttempt | undefined;
  #held: Checkout | undefined;
  /** The connection with the state is lost: going on elsewhere would run half a transaction. */
  #lost: unknown;
  /** KILL QUERYs that a server has yet to answer. */
  #cancels = 0;
  #releasing = false;
  #advancing = false;

  constructor(context: RunnerContext) {
    this.#context = context;
    this.#state = new SessionState(context.keepsInsertId);
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
    return this.#held;
  }

  /** Why this session cannot go on, once the connection with its state is lost. */
  get lost(): unknown {
    return this.#lost;
  }

  /** Gives everything back, after what is queued. Idempotent. */
  release(): void {
    this.#releasing = true;
    if (this.#job === undefined) this.#giveBack();
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
   * session sends no other, and a connection that is given back meanwhile serves nobody else.
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
    this.#releasing = true;
    const error = Object.assign(new Error('The connection was destroyed.'), {
      code: 'PROTOCOL_CONNECTION_LOST',
      fatal: true,
    });
    const failed = [...(this.#job === undefined ? [] : [this.#job]), ...(this.#queue ?? [])];
    this.#job = this.#queue = undefined;
    this.#lost = error;
    // The driver tells nobody that it was destroyed: a further call's own lease would count for
    // ever.
    this.#attempted?.end();
    this.#attempted?.lease?.done(Outcome.Cancelled);
    this.#attempted = undefined;
    if (this.#held !== undefined) {
      this.#held.physical.usable = false;
      this.#drop(Outcome.Cancelled);
    }
    for (const job of failed) settle(job, error);
  }

  #start(job: Job): void {
    this.#job = job;
    const refusal = this.#lost ?? job.refusal ?? this.#refusalOf(job);
    if (refusal !== undefined) this.#finish(job, refusal);
    else this.#attempt(job, NONE, 1);
  }

  /** What is about one server runs on no other, and the session cannot leave where its state is. */
  #refusalOf({ route }: Job): FairleadError | undefined {
    const held = this.#held;
    if (typeof route !== 'object' || held === undefined || !this.#state.mustStay) return undefined;
    const { id } = held.endpoint.spec;
    if (id === route.endpoint) return undefined;
    const { name: service } = this.#context.cluster.service;
    const message =
      `This session holds state (a transaction, variables or locks) on '${id}' of service '${service}': it cannot ` +
      `run a statement on '${route.endpoint}'. Nothing was sent. Use another connection.`;
    return new FairleadError('FAIRLEAD_UNROUTABLE', message, { service, endpoint: route.endpoint });
  }

  #attempt(job: Job, tried: readonly Endpoint[], number: number): void {
    const { cluster, freshness } = this.#context;
    const held = this.#heldFor(job);
    if (held !== undefined) {
      this.#send(new JobAttempt(this, job, held, cluster.leaseOn(held.endpoint), tried, number));
      return;
    }
    this.#drop(Outcome.Success);
    const got = (error: unknown, checkout?: Checkout): void => {
      if (this.#job !== job) {
        // Destroyed meanwhile.
        if (checkout !== undefined) cluster.release(checkout, Outcome.Cancelled);
      } else if (checkout === undefined) this.#finish(job, error);
      else {
        this.#held = checkout;
        this.#context.acquired?.(checkout);
        this.#send(new JobAttempt(this, job, checkout, checkout.lease, tried, number));
      }
    };
    if (job.route === 'replica') freshness.checkoutFresh(job.session, job.consistency, tried, got);
    else cluster.checkout(job.route === 'same' ? 'primary' : job.route, tried, got);
  }

  /** The connection that this session has already, where the statement must or may run on it. */
  #heldFor({ route, session, consistency }: Job): Checkout | undefined {
    const held = this.#held;
    if (held === undefined || this.#state.mustStay || route === 'same') return held;
    if (typeof route === 'object') return held.endpoint.spec.id === route.endpoint ? held : undefined;
    const isPrimary = this.#context.cluster.isPrimary(held.endpoint);
    if (route === 'primary' || this.#state.hasInsertId) return isPrimary ? held : undefined;
    // Reads of one session stay on one replica, or the next could see less than the one before.
    const stays = consistency !== 'eventual' && !isPrimary && held.physical.usable;
    return stays && this.#context.freshness.isFresh(held.endpoint, session, consistency) ? held : undefined;
  }

  #send(attempt: JobAttempt): void {
    const { job } = attempt;
    this.#attempted = attempt;
    job.sent = true;
    try {
      job.operation.send(attempt.checkout, attempt);
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
    if (!error) {
      attempt.lease?.done(Outcome.Success);
      this.#succeeded(attempt, result);
    } else if (isInterruption(error) && !this.#state.mustStay) {
      // A server that shuts down says the same as one that was told to kill this statement: it
      // answers no ping.
      attempt.checkout.physical.connection.ping((gone) => this.#failed(attempt, gone ?? error));
    } else this.#failed(attempt, error);
  }

  #succeeded({ job, checkout }: JobAttempt, result: unknown): void {
    if (this.#job !== job) return;
    const { session } = job;
    const { statement } = job.operation;
    const { cluster, freshness } = this.#context;
    const isRead = statement.route !== 'primary' && Array.isArray(result);
    if (!isRead || statement.effect !== 'none') {
      this.#state.succeeded(statement, result, session, () => cluster.clock.now());
      if (this.#state.hasOtherSchema) checkout.physical.retired = true;
    }
    if (isRead && session.sticky && typeof job.route !== 'object') freshness.hasRead(session, checkout.endpoint);
    this.#finish(job, null, result);
  }

  #failed({ job, checkout, lease, tried, number }: JobAttempt, error: unknown): void {
    const meaning = meaningOf(error);
    lease?.done(meaning.outcome);
    if (meaning.demoted) this.#context.cluster.demoted(checkout.endpoint);
    if (this.#job !== job) return;
    const { statement } = job.operation;
    const { mustStay } = this.#state;
    // It may have written before it failed; or it failed because of what others wrote, which a
    // replica may not have. So may the end of a transaction, or what was sent there by its caller's
    // word.
    if ((statement.route !== 'replica' || job.route === 'primary') && meaning.effect !== 'not_executed') {
      job.session.untoldWriteAtMs = this.#context.cluster.clock.now();
    }
    if (!meaning.connectionUsable) {
      checkout.physical.usable = false;
      this.#drop(meaning.outcome);
    } else if (meaning.effect === 'executed' && (statement.effect === 'session' || statement.effect === 'begin')) {
      // Several statements in one fail in the middle: what came before may have left something.
      this.#state.hasState = true;
    } else if (meaning.demoted && !mustStay) this.#drop(Outcome.ApplicationError);
    if (!mustStay && number < MAX_ATTEMPTS && this.#mayRepeat(job.operation, meaning)) {
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

  /** Gives the connection back as it is: one without state, or one that is not usable. */
  #drop(outcome: Outcome): void {
    const held = this.#letGo();
    if (held !== undefined) this.#context.cluster.release(held, outcome);
  }

  #letGo(): Checkout | undefined {
    const held = this.#held;
    if (held === undefined) return undefined;
    this.#held = undefined;
    this.#state.clear();
    this.#context.released?.(held);
    return held;
  }

  #finish(job: Job, error: unknown, result?: unknown): void {
    this.#job = this.#attempted = undefined;
    if (this.#releasing && this.#queue === undefined) this.#giveBack();
    settle(job, error, result);
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
        this.#start(next);
      }
    } finally {
      this.#advancing = false;
    }
  }

  #giveBack(): void {
    const { cluster, clean, resetOnRelease } = this.#context;
    const { mustStay } = this.#state;
    const held = this.#letGo();
    if (held === undefined) return;
    const { physical } = held;
    if (!(mustStay || resetOnRelease) || !isReusable(physical)) {
      cluster.release(held, Outcome.Success);
      return;
    }
    clean(held, (usable) => {
      if (!usable) physical.usable = false;
      cluster.release(held, Outcome.Success);
    });
  }
}

/** ER_NO_SUCH_THREAD: the connection was closed in the meantime, with all that ran on it. */
function isUnknownThread(error: unknown): boolean {
  return (error as { readonly errno?: unknown } | null)?.errno === 1094;
}

/** ER_QUERY_INTERRUPTED. */
function isInterruption(error: unknown): boolean {
  return (error as { readonly errno?: unknown }).errno === 1317;
}

/**
 * Tells the caller. An error before anything was sent may come before the caller has its listeners
 * in place.
 */
function settle(job: Job, error: unknown, result?: unknown): void {
  if (job.sent) tell(job, error, result);
  else process.nextTick(tell, job, error, result);
}

/**
 * What the caller's callback throws is uncaught, as with mysql2, but never stops what runs here.
 */
function tell(job: Job, error: unknown, result: unknown): void {
  try {
    job.operation.settle(error, result);
  } catch (thrown) {
    process.nextTick(() => {
      throw thrown;
    });
  }
}

/** Says of a write that was under way when its connection broke that it may have happened. */
function markAmbiguous(error: unknown, meaning: ErrorMeaning): unknown {
  if (meaning.effect !== 'unknown' || !(error instanceof Error) || error instanceof FairleadError) return error;
  error.message += ' (the connection was lost while the statement ran: it may have been executed)';
  return Object.assign(error, { ambiguous: true });
}
