import { type Endpoint, FairleadError, type Lease, Outcome } from '../../src/index.js';
import type { Checkout, Cluster } from './cluster.js';
import { type ErrorMeaning, meaningOf } from './errors.js';
import type { Freshness } from './freshness.js';
import { AUTOCOMMIT, IN_TRANSACTION, packetsOf } from './ok-packet.js';
import type { Consistency } from './options.js';
import type { ConsistencySession, Scope } from './session.js';
import type { Statement } from './statement/classify.js';

/** Something to be done on a physical connection. */
export interface Operation {
  readonly statement: Statement;
  /** Whether it may be sent again when its server fails, on another one: reads whose rows nobody saw yet. */
  readonly repeatable: boolean;
  /** What its caller asked for with it: before what holds for the context or the pool. */
  readonly call: Scope | undefined;
  /** Sends it. `done` is called once it is over; `result` is what the driver gave. */
  send(checkout: Checkout, done: (error: unknown, result?: unknown) => void): void;
  /** It is over: with the result already told, or with the error still to be told. */
  settle(error: unknown, result?: unknown): void;
}

/** An operation and the scope it was asked for in: callbacks of the driver run in nobody's async context. */
interface Job {
  readonly operation: Operation;
  readonly statement: Statement;
  readonly session: ConsistencySession;
  readonly consistency: Consistency;
  readonly route: 'primary' | 'replica' | 'same';
  sent: boolean;
}

export interface RunnerContext {
  readonly cluster: Cluster;
  readonly freshness: Freshness;
  readonly retryReads: boolean;
  readonly consistency: Consistency;
  /** mysql2's resetOnRelease: clean even what holds no state. */
  readonly resetOnRelease: boolean;
  /** Whether a session that got an insert id stays on the primary, where LAST_INSERT_ID() tells it. */
  readonly keepsInsertId: boolean;
  scope(): Scope | undefined;
  /** The session of statements that belong to no other. */
  readonly session: ConsistencySession;
  /** A connection whose session was changed comes back: make it as new, or say that it is not. */
  clean(checkout: Checkout, done: (usable: boolean) => void): void;
}

/** Servers a read is tried on, and tries to find the primary, before the error is told. */
const MAX_ATTEMPTS = 3;

const NONE: readonly Endpoint[] = [];

/**
 * One session of statements. While it is clean, each read goes to a replica and each write to the primary; once it holds
 * state (a transaction, a variable, a lock) it stays where the state is. Statements run one after the other, as on a
 * connection of mysql2. It never holds one connection while it waits for another: sessions cannot block each other.
 */
export class Runner {
  readonly #context: RunnerContext;
  #queue: Job[] | undefined;
  /** What runs now. */
  #job: Job | undefined;
  #held: Checkout | undefined;
  #inTransaction = false;
  #wroteInTransaction = false;
  #hasState = false;
  /** LAST_INSERT_ID() is worth something: reads stay here, but nothing is lost where they cannot. */
  #hasInsertId = false;
  /** The connection with the state is lost: going on elsewhere would run half a transaction. */
  #lost: unknown;
  #releasing = false;

  constructor(context: RunnerContext) {
    this.#context = context;
  }

  run(operation: Operation): void {
    const { call, statement } = operation;
    const scope = this.#context.scope();
    const consistency = call?.consistency ?? scope?.consistency ?? this.#context.consistency;
    const job: Job = {
      operation,
      statement,
      session: scope?.session ?? this.#context.session,
      consistency,
      route: chooseRoute(statement, call?.route ?? scope?.route, consistency),
      sent: false,
    };
    if (this.#job === undefined && this.#queue === undefined) this.#start(job);
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
    if (this.#held !== undefined) {
      this.#held.physical.usable = false;
      this.#drop(Outcome.Cancelled);
    }
    for (const job of failed) settle(job, error);
  }

  #start(job: Job): void {
    this.#job = job;
    if (this.#lost !== undefined) this.#finish(job, this.#lost);
    else this.#attempt(job, NONE, 1);
  }

  #attempt(job: Job, tried: readonly Endpoint[], attempt: number): void {
    const { cluster, freshness } = this.#context;
    const held = this.#heldFor(job);
    if (held !== undefined) {
      this.#send(job, held, cluster.leaseOn(held.endpoint), tried, attempt);
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
        this.#send(job, checkout, checkout.lease, tried, attempt);
      }
    };
    if (job.route === 'replica') freshness.checkoutFresh(job.session, job.consistency, tried, got);
    else cluster.checkout('primary', tried, got);
  }

  /** Whether going on elsewhere would lose something. */
  get #mustStay(): boolean {
    return this.#inTransaction || this.#hasState;
  }

  /** The connection that this session has already, where the statement must or may run on it. */
  #heldFor({ route, session, consistency }: Job): Checkout | undefined {
    const held = this.#held;
    if (held === undefined || this.#mustStay || route === 'same') return held;
    const isPrimary = this.#context.cluster.isPrimary(held.endpoint);
    if (route === 'primary' || this.#hasInsertId) return isPrimary ? held : undefined;
    // Reads of one session stay on one replica, or the next could see less than the one before.
    const stays = consistency !== 'eventual' && !isPrimary && held.physical.usable;
    return stays && this.#context.freshness.isFresh(held.endpoint, session, consistency) ? held : undefined;
  }

  #send(job: Job, checkout: Checkout, lease: Lease | undefined, tried: readonly Endpoint[], attempt: number): void {
    let over = false;
    const done = (error: unknown, result?: unknown): void => {
      if (over) return;
      over = true;
      const failed = (told: unknown): void => this.#failed(job, checkout, lease, told, tried, attempt);
      if (error && isInterruption(error) && !this.#mustStay) {
        // A server that shuts down says the same as one that was told to kill this statement: it answers no ping.
        checkout.physical.connection.ping((gone) => failed(gone ?? error));
      } else if (error) failed(error);
      else {
        lease?.done(Outcome.Success);
        this.#succeeded(job, checkout, result);
      }
    };
    job.sent = true;
    try {
      job.operation.send(checkout, done);
    } catch (error) {
      // Refused by the driver before anything was sent: parameters of a wrong type.
      if (over) throw error;
      over = true;
      job.sent = false;
      lease?.done(Outcome.Cancelled);
      this.#finish(job, error);
    }
  }

  #succeeded(job: Job, checkout: Checkout, result: unknown): void {
    if (this.#job !== job) return;
    const { effect } = job.statement;
    if (effect === 'begin' || effect === 'begin_read_only') this.#inTransaction = true;
    else if (effect === 'end') this.#inTransaction = false;
    else if (effect === 'session') this.#hasState = true;
    this.#learn(job, checkout, result);
    this.#finish(job, null, result);
  }

  /** Takes from the server's answer what it says about the session, and the position of a write. */
  #learn({ statement, session }: Job, checkout: Checkout, result: unknown): void {
    const { cluster, freshness } = this.#context;
    const rows = Array.isArray(result);
    const packets = packetsOf(result, statement.effect === 'session');
    if (packets.length === 0 && statement.route === 'replica') {
      if (session.sticky) freshness.hasRead(session, checkout.endpoint);
      return;
    }
    let told = false;
    // Rows, as RETURNING and functions that write give: nothing tells whether and where it wrote.
    let wrote = rows && statement.route === 'primary' && statement.effect !== 'begin';
    for (const packet of packets) {
      if (packet.serverStatus !== undefined) {
        this.#inTransaction = (packet.serverStatus & IN_TRANSACTION) !== 0;
        if ((packet.serverStatus & AUTOCOMMIT) === 0) this.#hasState = true;
      }
      if (packet.insertId && this.#context.keepsInsertId) this.#hasInsertId = true;
      if (packet.affectedRows) wrote = true;
      // Neither a reset nor anything else brings the database of the login back.
      if (packet.stateChanges?.schema) checkout.physical.retired = true;
      for (const gtid of packet.gtids) {
        session.token.add(gtid);
        told = true;
      }
    }
    if (this.#inTransaction) {
      this.#wroteInTransaction ||= wrote;
      return;
    }
    wrote ||= this.#wroteInTransaction;
    this.#wroteInTransaction = false;
    if (told) session.toldWriteAtMs = cluster.clock.now();
    else if (wrote) session.untoldWriteAtMs = cluster.clock.now();
  }

  #failed(
    job: Job,
    checkout: Checkout,
    lease: Lease | undefined,
    error: unknown,
    tried: readonly Endpoint[],
    attempt: number,
  ): void {
    const meaning = meaningOf(error);
    lease?.done(meaning.outcome);
    if (meaning.demoted) this.#context.cluster.demoted(checkout.endpoint);
    if (this.#job !== job) return;
    const { effect } = job.statement;
    const mustStay = this.#mustStay;
    if (!meaning.connectionUsable) {
      checkout.physical.usable = false;
      this.#drop(meaning.outcome);
    } else if (meaning.effect === 'executed' && (effect === 'session' || effect === 'begin')) {
      // Several statements in one fail in the middle: what came before may have left something.
      this.#hasState = true;
    } else if (meaning.demoted && !mustStay) this.#drop(Outcome.ApplicationError);
    if (!mustStay && attempt < MAX_ATTEMPTS && this.#mayRepeat(job, meaning)) {
      this.#attempt(job, meaning.demoted ? tried : [...tried, checkout.endpoint], attempt + 1);
      return;
    }
    if (!meaning.connectionUsable && (mustStay || effect !== 'none')) this.#lost = error;
    this.#finish(job, job.statement.route !== 'replica' ? markAmbiguous(error, meaning) : error);
  }

  #mayRepeat({ operation, statement }: Job, meaning: ErrorMeaning): boolean {
    const { effect, route } = statement;
    if (!operation.repeatable || meaning.effect === 'executed') return false;
    if (meaning.effect === 'not_executed') return effect !== 'session' && effect !== 'end';
    // A statement's own time limit covers all of its attempts.
    return this.#context.retryReads && route === 'replica' && effect === 'none' && !meaning.ownTimeout;
  }

  /** Gives the connection back as it is: one without state, or one that is not usable. */
  #drop(outcome: Outcome): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#inTransaction = this.#wroteInTransaction = this.#hasState = this.#hasInsertId = false;
    this.#context.cluster.release(held, outcome);
  }

  #finish(job: Job, error: unknown, result?: unknown): void {
    this.#job = undefined;
    if (this.#releasing && this.#queue === undefined) this.#giveBack();
    settle(job, error, result);
    const next = this.#job === undefined ? this.#queue?.shift() : undefined;
    if (this.#queue?.length === 0) this.#queue = undefined;
    if (next !== undefined) this.#start(next);
  }

  #giveBack(): void {
    const { cluster, clean, resetOnRelease } = this.#context;
    const held = this.#held;
    if (held === undefined) return;
    const dirty = (this.#mustStay || resetOnRelease) && held.physical.usable && !held.physical.retired;
    if (!dirty) {
      this.#drop(Outcome.Success);
      return;
    }
    this.#held = undefined;
    this.#inTransaction = this.#wroteInTransaction = this.#hasState = this.#hasInsertId = false;
    clean(held, (usable) => {
      if (!usable) held.physical.usable = false;
      cluster.release(held, Outcome.Success);
    });
  }
}

function chooseRoute(
  statement: Statement,
  asked: 'primary' | 'replica' | undefined,
  consistency: Consistency,
): Job['route'] {
  const forced = asked ?? statement.forced;
  if (statement.route === 'same') return forced === undefined || forced === 'replica' ? 'same' : forced;
  if (forced !== undefined) return forced;
  return statement.route === 'replica' && consistency !== 'strong' ? 'replica' : 'primary';
}

/** ER_QUERY_INTERRUPTED. */
function isInterruption(error: unknown): boolean {
  return (error as { readonly errno?: unknown }).errno === 1317;
}

/** Tells the caller. What its callback throws is uncaught, as with mysql2, but never stops what runs here. */
function settle(job: Job, error: unknown, result?: unknown): void {
  const tell = (): void => {
    try {
      job.operation.settle(error, result);
    } catch (thrown) {
      process.nextTick(() => {
        throw thrown;
      });
    }
  };
  // An error before anything was sent may come before the caller has its listeners in place.
  if (job.sent) tell();
  else process.nextTick(tell);
}

/** Says of a write that was under way when its connection broke that it may have happened. */
function markAmbiguous(error: unknown, meaning: ErrorMeaning): unknown {
  if (meaning.effect !== 'unknown' || !(error instanceof Error) || error instanceof FairleadError) return error;
  error.message += ' (the connection was lost while the statement ran: it may have been executed)';
  return Object.assign(error, { ambiguous: true });
}
