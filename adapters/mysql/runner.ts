import { type Endpoint, FairleadError, Outcome } from '../../src/index.js';
import type { Checkout, Cluster } from './cluster.js';
import { type ErrorMeaning, meaningOf } from './errors.js';
import type { Freshness } from './freshness.js';
import type { Consistency } from './options.js';
import type { ConsistencySession } from './session.js';
import type { Statement } from './statement/classify.js';

/** Something to be done on a physical connection. */
export interface Operation {
  readonly statement: Statement;
  /** Whether it may be sent again when its server fails, on another one: reads whose rows nobody saw yet. */
  readonly repeatable: boolean;
  /** Sends it. `done` is called once; `result` is what the driver gave. */
  send(checkout: Checkout, done: (error: unknown, result?: unknown) => void): void;
  /** It is over: with the result already told, or with the error still to be told. */
  settle(error: unknown, result?: unknown): void;
}

/** An operation and the session it was asked for in: callbacks of the driver run in nobody's async context. */
interface Job extends Operation {
  readonly session: ConsistencySession;
  readonly consistency: Consistency;
}

export interface RunnerContext {
  readonly cluster: Cluster;
  readonly freshness: Freshness;
  readonly retryReads: boolean;
  consistency(): Consistency;
  session(): ConsistencySession;
  /** A connection whose session was changed comes back: make it as new, or say that it is not. */
  clean(checkout: Checkout, done: (usable: boolean) => void): void;
}

/** What servers tell in their answers to writes. */
interface OkPacket {
  readonly serverStatus?: number;
  readonly stateChanges?: {
    readonly gtids?: readonly string[] | string | null;
    readonly systemVariables?: Readonly<Record<string, string>> | null;
  };
}

/** SERVER_STATUS_IN_TRANS of the protocol's status flags. */
const IN_TRANSACTION = 1;

/** Servers a read is tried on, and tries to find the primary, before the error is told. */
const MAX_ATTEMPTS = 3;

const NONE: readonly Endpoint[] = [];

/**
 * One session of statements, which may span two connections: while it is clean, each read goes to a replica and each
 * write to the primary; once it holds state (a transaction, a variable, a lock) it stays where the state is. Statements
 * run one after the other, as on a connection of mysql2.
 */
export class Runner {
  readonly #context: RunnerContext;
  readonly #queue: Job[] = [];
  #running = false;
  #primary: Checkout | undefined;
  #replica: Checkout | undefined;
  /** The connection that holds the state, while there is some. */
  #pinned: Checkout | undefined;
  #inTransaction = false;
  #hasState = false;
  #last: Checkout | undefined;
  /** The connection with the state is lost: going on elsewhere would run half a transaction. */
  #lost: unknown;
  #releasing = false;

  constructor(context: RunnerContext) {
    this.#context = context;
  }

  run(operation: Operation): void {
    const job: Job = Object.assign(operation, {
      session: this.#context.session(),
      consistency: this.#context.consistency(),
    });
    if (this.#running || this.#queue.length > 0) {
      this.#queue.push(job);
      return;
    }
    this.#start(job);
  }

  /** The connection the last statement ran on, while it is held. */
  get current(): Checkout | undefined {
    return this.#pinned ?? this.#last;
  }

  /** Gives everything back, after what is queued. Idempotent. */
  release(): void {
    this.#releasing = true;
    if (!this.#running && this.#queue.length === 0) this.#giveBack();
  }

  /** Cuts the connections: what runs fails. */
  destroy(): void {
    this.#releasing = true;
    for (const checkout of new Set([this.#primary, this.#replica, this.#pinned])) {
      if (checkout !== undefined) {
        checkout.physical.usable = false;
        checkout.physical.connection.destroy();
      }
    }
    if (!this.#running) this.#giveBack();
  }

  #start(job: Job): void {
    this.#running = true;
    if (this.#lost !== undefined) {
      this.#finish(job, this.#lost);
      return;
    }
    this.#attempt(job, NONE, 1);
  }

  #attempt(job: Job, tried: readonly Endpoint[], attempt: number): void {
    const held = this.#heldFor(job);
    if (held !== undefined) {
      this.#send(job, held, tried, attempt);
      return;
    }
    const route = this.#routeOf(job);
    const { cluster, freshness } = this.#context;
    if (route === 'primary') {
      cluster.checkout('primary', tried, (error, checkout) => {
        if (checkout === undefined) this.#finish(job, error);
        else this.#send(job, this.#hold(checkout), tried, attempt);
      });
      return;
    }
    freshness.checkoutFresh(job.session, job.consistency, tried, (error, checkout) => {
      if (checkout === undefined) this.#finish(job, error);
      else this.#send(job, this.#hold(checkout), tried, attempt);
    });
  }

  #routeOf({ statement, consistency }: Job): 'primary' | 'replica' {
    if (statement.route !== 'replica' || consistency === 'strong') return 'primary';
    return 'replica';
  }

  /** A connection that this session has already and that the statement must or may run on. */
  #heldFor(job: Job): Checkout | undefined {
    if (this.#pinned !== undefined) return this.#pinned;
    if (job.statement.route === 'same') return this.#last ?? this.#primary;
    if (this.#routeOf(job) === 'primary') return this.#primary;
    const replica = this.#replica;
    if (replica === undefined) return undefined;
    if (this.#context.freshness.isFresh(replica.endpoint, job.session, job.consistency)) {
      return replica;
    }
    this.#drop(replica, Outcome.Success);
    return undefined;
  }

  #hold(checkout: Checkout): Checkout {
    if (this.#context.cluster.replication.stateOf(checkout.endpoint).role === 'primary') this.#primary = checkout;
    else this.#replica = checkout;
    return checkout;
  }

  #send(job: Job, checkout: Checkout, tried: readonly Endpoint[], attempt: number): void {
    this.#last = checkout;
    const done = (error: unknown, result?: unknown): void => {
      if (error) this.#failed(job, checkout, error, tried, attempt);
      else this.#succeeded(job, checkout, result);
    };
    try {
      job.send(checkout, done);
    } catch (error) {
      // Refused by the driver before anything was sent: parameters of a wrong type.
      this.#finish(job, error);
    }
  }

  #succeeded(job: Job, checkout: Checkout, result: unknown): void {
    const { statement } = job;
    this.#learn(job, checkout, result);
    if (statement.effect === 'begin' || statement.effect === 'begin_read_only') this.#inTransaction = true;
    if (statement.effect === 'end') this.#inTransaction = false;
    if (statement.effect === 'session') this.#hasState = true;
    for (const packet of okPackets(result)) {
      if (packet.serverStatus !== undefined) this.#inTransaction = (packet.serverStatus & IN_TRANSACTION) !== 0;
    }
    this.#pinned = this.#inTransaction || this.#hasState ? checkout : undefined;
    this.#finish(job, null, result);
  }

  /** Remembers the position of a write. */
  #learn({ statement, session }: Job, checkout: Checkout, result: unknown): void {
    if (statement.route === 'replica') {
      if (session.sticky) this.#context.freshness.hasRead(session, checkout.endpoint);
      return;
    }
    let told = false;
    for (const { stateChanges } of okPackets(result)) {
      const gtids = stateChanges?.gtids;
      const lastGtid = stateChanges?.systemVariables?.last_gtid;
      for (const gtid of typeof gtids === 'string' ? [gtids] : (gtids ?? [])) {
        session.token.add(gtid);
        told = true;
      }
      if (lastGtid) {
        session.token.add(lastGtid);
        told = true;
      }
    }
    // It answered with rows, as RETURNING and functions that write do: nothing tells whether and where it wrote.
    const rows = Array.isArray(result) && okPackets(result).length === 0;
    const mayHaveWritten = statement.route === 'primary' && statement.effect !== 'begin';
    if (!told && rows && mayHaveWritten && !this.#inTransaction) {
      session.untoldWriteAtMs = this.#context.cluster.clock.now();
    }
  }

  #failed(job: Job, checkout: Checkout, error: unknown, tried: readonly Endpoint[], attempt: number): void {
    const meaning = meaningOf(error);
    const pinned = this.#pinned !== undefined;
    if (meaning.demoted) this.#context.cluster.demoted(checkout.endpoint);
    if (!meaning.connectionUsable) {
      checkout.physical.usable = false;
      this.#drop(checkout, meaning.outcome);
      if (pinned) this.#lost = error;
    } else if (meaning.demoted && !pinned) {
      // The connection is well but leads to the wrong server.
      this.#drop(checkout, Outcome.ApplicationError);
    }
    if (!pinned && attempt < MAX_ATTEMPTS && this.#mayRepeat(job, meaning)) {
      const next = meaning.demoted ? tried : [...tried, checkout.endpoint];
      this.#attempt(job, next, attempt + 1);
      return;
    }
    this.#finish(job, job.statement.route !== 'replica' ? markAmbiguous(error, meaning) : error);
  }

  #mayRepeat(job: Job, meaning: ErrorMeaning): boolean {
    if (!job.repeatable || meaning.effect === 'executed') return false;
    if (meaning.effect === 'not_executed') return job.statement.effect === 'none' || job.statement.effect === 'begin';
    return this.#context.retryReads && job.statement.route === 'replica' && job.statement.effect === 'none';
  }

  #drop(checkout: Checkout, outcome: Outcome): void {
    if (this.#primary === checkout) this.#primary = undefined;
    if (this.#replica === checkout) this.#replica = undefined;
    if (this.#pinned === checkout) this.#pinned = undefined;
    if (this.#last === checkout) this.#last = undefined;
    this.#context.cluster.release(checkout, outcome);
  }

  #finish(job: Job, error: unknown, result?: unknown): void {
    this.#running = false;
    if (this.#queue.length === 0 && this.#releasing) this.#giveBack();
    else if (this.#replica !== undefined && this.#replica !== this.#pinned && !this.#keepsReplica(job)) {
      this.#drop(this.#replica, Outcome.Success);
    }
    job.settle(error, result);
    const next = this.#queue.shift();
    if (next !== undefined && !this.#running) this.#start(next);
    else if (next !== undefined) this.#queue.unshift(next);
  }

  /** Reads of one session stay on one replica, or the next could see less than the one before. */
  #keepsReplica({ consistency }: Job): boolean {
    return consistency === 'session';
  }

  #giveBack(): void {
    const stateful = this.#pinned;
    const held = new Set([this.#primary, this.#replica, this.#pinned]);
    this.#primary = this.#replica = this.#pinned = this.#last = undefined;
    for (const checkout of held) {
      if (checkout === undefined) continue;
      if (checkout === stateful && checkout.physical.usable) this.#cleanAndRelease(checkout);
      else this.#context.cluster.release(checkout, Outcome.Success);
    }
    this.#inTransaction = this.#hasState = false;
  }

  #cleanAndRelease(checkout: Checkout): void {
    this.#context.clean(checkout, (usable) => {
      if (!usable) checkout.physical.usable = false;
      this.#context.cluster.release(checkout, Outcome.Success);
    });
  }
}

/** The OK packets in a result: one, or several among the results of a CALL or of multiple statements. */
function okPackets(result: unknown): readonly OkPacket[] {
  if (typeof result !== 'object' || result === null) return [];
  if (!Array.isArray(result)) return [result as OkPacket];
  return result.filter(
    (each) =>
      typeof each === 'object' &&
      each !== null &&
      !Array.isArray(each) &&
      'affectedRows' in each &&
      'serverStatus' in each,
  );
}

/** Says of a write that was under way when its connection broke that it may have happened. */
function markAmbiguous(error: unknown, meaning: ErrorMeaning): unknown {
  if (meaning.effect !== 'unknown' || !(error instanceof Error) || error instanceof FairleadError) return error;
  error.message += ' (the connection was lost while the statement ran: it may have been executed)';
  return Object.assign(error, { ambiguous: true });
}
