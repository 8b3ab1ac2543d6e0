import { experimental, type Metadata, type status } from '@grpc/grpc-js';
import { type Clock, type Endpoint, type Lease, Outcome, type Timer } from '../../../src/index.js';
import { takeLoadTrailer } from '../common/orca.js';
import { type Classify, isDiscardedHedge, outcomeOf } from '../common/status.js';
import type { AttemptRecord } from './attempt-record.js';
import type { Call } from './call.js';

/** What an attempt needs of the connection it goes over. */
export interface Connection {
  /** Where to send calls; undefined while not connected. */
  readonly subchannel: experimental.SubchannelInterface | undefined;
  /**
   * Counts connections: a call whose number is no longer this one had its connection taken away.
   */
  readonly connection: number;
  /** Calls on it now. */
  streams: number;
  /** True for the first call that tells of the loss of this connection. */
  reportLoss(connection: number): boolean;
}

/** What all attempts of a channel have in common. */
export interface AttemptContext {
  readonly pending: PendingAttempts;
  readonly classify: Classify | undefined;
  /** Whether trailers are looked through for load reports. */
  readonly reportsPerCall: boolean;
}

/**
 * A lease on its way through grpc-js, and the pick result that carries it. Picked: counted in
 * flight and pending. Started: grpc-js has opened the stream. Ended: the lease is done. grpc-js may
 * drop a pick without a word (the call was cancelled while credentials were fetched, the connection
 * was lost before the stream was opened), so a pending attempt does not stay for ever: see
 * `PendingAttempts`.
 */
export class Attempt implements experimental.PickResult {
  readonly subchannel: experimental.SubchannelInterface;
  /** grpc-js calls it without `this`. */
  readonly onCallEnded: (code: status, details: string, metadata: Metadata) => void;
  pending = true;
  /** Neighbours in the list of pending attempts. */
  older: Attempt | undefined = undefined;
  newer: Attempt | undefined = undefined;
  /** The sweep before which it was picked. */
  readonly sweep: number;
  readonly #lease: Lease;
  /** Undefined once it has ended. */
  #leaf: Connection | undefined;
  /** The number of the connection it went over. */
  readonly #connection: number;
  readonly #call: Call;
  readonly #context: AttemptContext;
  readonly #record: AttemptRecord | undefined;

  constructor(
    lease: Lease,
    subchannel: experimental.SubchannelInterface,
    leaf: Connection,
    call: Call,
    context: AttemptContext,
    record: AttemptRecord | undefined,
  ) {
    leaf.streams++;
    this.subchannel = call.over(record === undefined ? subchannel : record.over(subchannel, lease.endpoint));
    // It captures nothing but this object, which has all: one is made per call.
    this.onCallEnded = (code, details, metadata) => this.#ended(code, details, metadata);
    this.#lease = lease;
    this.#leaf = leaf;
    this.#connection = leaf.connection;
    this.#call = call;
    this.#context = context;
    this.#record = record;
    this.sweep = context.pending.add(this);
  }

  // The same for all, so not in each.
  get pickResultType(): experimental.PickResultType {
    return experimental.PickResultType.COMPLETE;
  }

  get status(): null {
    return null;
  }

  get endpoint(): Endpoint {
    return this.#lease.endpoint;
  }

  /** Called by grpc-js, with `this`, once the stream is open. */
  onCallStarted(): void {
    this.#settle();
  }

  /** It will not start. */
  abandon(): void {
    this.#leave();
    this.#lease.done(Outcome.Cancelled);
  }

  #ended(code: status, details: string, metadata: Metadata): void {
    this.#call.attemptEnded(code, details, metadata);
    const leaf = this.#leave();
    this.#record?.end(code);
    // Late: it was let go of, and its lease is done.
    if (leaf === undefined) return;
    const { reportsPerCall, pending, classify } = this.#context;
    if (reportsPerCall) takeLoadTrailer(this.#lease.endpoint, metadata, pending.clock);
    // It was given so long that another attempt was started, and that one answered.
    const overtaken = isDiscardedHedge(code, details) && this.#call.hasNewerThan(this);
    this.#lease.done(overtaken ? Outcome.Timeout : judge(code, details, metadata, leaf, this.#connection, classify));
  }

  /** Gives back its place on the connection, once: gives that connection the first time. */
  #leave(): Connection | undefined {
    this.#settle();
    const leaf = this.#leaf;
    this.#leaf = undefined;
    if (leaf === undefined) return undefined;
    leaf.streams--;
    this.#call.attemptLeft();
    return leaf;
  }

  #settle(): void {
    if (!this.pending) return;
    this.pending = false;
    this.#context.pending.remove(this);
  }
}

function judge(
  code: status,
  details: string,
  metadata: Metadata,
  leaf: Connection,
  connection: number,
  classify: Classify | undefined,
): Outcome {
  if (classify !== undefined) {
    try {
      const outcome = classify({ code, details, metadata });
      if (outcome !== undefined) return outcome;
    } catch {
      // The user's function failed; the code speaks for itself.
    }
  }
  const outcome = outcomeOf(code);
  // A lost connection fails every call on it at once. That is one event, not a streak of failures:
  // the first call tells of it, the others say nothing new. (The endpoint has left the rotation
  // anyway until it is connected again.)
  if (outcome === Outcome.Failure && leaf.connection !== connection && !leaf.reportLoss(connection)) {
    return Outcome.Cancelled;
  }
  return outcome;
}

/**
 * How long a pick may wait for its stream, credentials included; milliseconds. Long enough to fetch
 * a token, short enough that what was abandoned does not weigh on its endpoint. A call that starts
 * later still goes out; it is only not counted.
 */
const PENDING_MS = 2_000;

/**
 * Attempts that were picked and have not started, oldest first: an intrusive list, so that it costs
 * no allocation.
 */
export class PendingAttempts {
  readonly clock: Clock;
  #oldest: Attempt | undefined;
  #newest: Attempt | undefined;
  #sweeps = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Adds it as the newest; gives the number of sweeps so far. */
  add(attempt: Attempt): number {
    attempt.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = attempt;
    else this.#newest.newer = attempt;
    this.#newest = attempt;
    this.#timer ??= this.clock.after(PENDING_MS, this.#sweep);
    return this.#sweeps;
  }

  remove(attempt: Attempt): void {
    const { older, newer } = attempt;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    attempt.older = undefined;
    attempt.newer = undefined;
  }

  /**
   * Abandons those that were there at the last sweep already, and comes again while there are any.
   */
  readonly #sweep = (): void => {
    this.#timer = undefined;
    while (this.#oldest !== undefined && this.#oldest.sweep < this.#sweeps) this.#oldest.abandon();
    this.#sweeps++;
    if (this.#oldest !== undefined) this.#timer = this.clock.after(PENDING_MS, this.#sweep);
  };
}
