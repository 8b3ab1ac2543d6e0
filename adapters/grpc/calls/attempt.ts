import type { IncomingHttpHeaders } from 'node:http2';
import { type connectivityState, experimental, Metadata, status } from '@grpc/grpc-js';
import { type HeaderSetter, outcomeName, type TracedAttempt } from '../../../src/adapter.js';
import { type Endpoint, type Lease, Outcome } from '../../../src/index.js';
import { carriesLoad, takeLoadTrailer } from '../common/orca.js';
import {
  type Classify,
  isDiscardedHedge,
  isRefusedStream,
  outcomeOf,
  publicCode,
  REFUSED_STREAM,
} from '../common/status.js';
import type { AttemptRecord } from './attempt-record.js';
import type { Call } from './call.js';
import { type Stream, type StreamListener, whenServerEnds } from './connection-with.js';
import { timeLeftMs } from './deadline.js';
import type { LiveAttempt, LiveAttempts } from './live-attempts.js';
import type { PendingAttempt, PendingAttempts } from './pending-attempts.js';
import type { ShadowContext } from './shadow.js';
import { endUnsent } from './unsent-attempt.js';

type Subchannel = experimental.SubchannelInterface;

/** What an attempt needs of the connection it goes over. */
export interface Connection {
  /** Where to send calls; undefined while not connected. */
  readonly subchannel: Subchannel | undefined;
  /** The name of its server alone; undefined where it has that of all. */
  readonly authority: string | undefined;
  /**
   * Counts connections: a call whose number is no longer this one had its connection taken away.
   */
  readonly connection: number;
  /** Calls on it now. */
  streams: number;
  /** True for the first call that reports the loss of this connection. */
  reportLoss(connection: number): boolean;
}

/** What all attempts of a channel have in common. */
export interface AttemptContext extends ShadowContext {
  readonly pending: PendingAttempts;
  readonly live: LiveAttempts;
  readonly classify: Classify | undefined;
  /** Whether trailers are looked through for load reports. */
  readonly reportsPerCall: boolean;
  /** The `:authority` of calls that name no host. */
  readonly authority: string;
}

/**
 * A lease on its way through grpc-js, the pick result that carries it, the connection that grpc-js
 * is handed to start it on, and what listens to its stream: one object, there is one per attempt.
 * Picked: counted in flight and pending. Started: grpc-js has opened the stream. Ended: the lease
 * is done.
 *
 * grpc-js may drop a pick without a word (the connection was lost before the stream was opened), so
 * a pending attempt does not stay for ever: see `PendingAttempts`. And it reports the end of a call
 * once all its messages are read, which may be never; the lease ends when the server has ended it.
 */
export class Attempt implements experimental.PickResult, PendingAttempt, LiveAttempt, StreamListener {
  /** grpc-js calls it without `this`. */
  readonly onCallEnded: (code: status, details: string, metadata: Metadata) => void;
  pending = true;
  /** Neighbours in the list of pending attempts. */
  older: PendingAttempt | undefined = undefined;
  newer: PendingAttempt | undefined = undefined;
  olderLive: LiveAttempt | undefined = undefined;
  newerLive: LiveAttempt | undefined = undefined;
  /** Undefined until it is opened. */
  #stream: Stream | undefined = undefined;
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
  /** Whether the record hears of messages from here. */
  readonly #counts: boolean;
  readonly #traced: TracedAttempt | undefined;
  /** What it goes over, with what measures it and what holds its answer in between. */
  readonly #over: Subchannel;
  /** Where its events go; undefined until its stream is opened. */
  #listener: StreamListener | undefined = undefined;
  /** How long it had when it was sent; NaN without a deadline, 0 where it was not sent. */
  #hadMs = Number.NaN;
  /** Its call knows that it is over. */
  #reported = false;

  constructor(
    lease: Lease,
    subchannel: Subchannel,
    leaf: Connection,
    call: Call,
    context: AttemptContext,
    record: AttemptRecord | undefined,
  ) {
    leaf.streams++;
    // What holds messages comes between the stream and this, which then does not see them all.
    this.#counts = record !== undefined && !call.holdsAnswer;
    if (record !== undefined) record.endpoint = lease.endpoint;
    this.#over = call.over(
      record === undefined || this.#counts ? subchannel : record.over(subchannel),
      context.pending.clock,
    );
    this.onCallEnded = this.#whenEnded();
    this.#lease = lease;
    this.#leaf = leaf;
    this.#connection = leaf.connection;
    this.#call = call;
    this.#context = context;
    this.#record = record;
    this.#traced = call.trace?.attempt(lease.endpoint);
    this.sweep = context.pending.add(this);
  }

  /**
   * It captures nothing but this object, which has all: one is made per call. Not where it is
   * assigned: see `test/built-closures.test.ts`.
   */
  #whenEnded(): Attempt['onCallEnded'] {
    return (code, details, metadata) => this.#ended(code, details, metadata);
  }

  // The same for all, so not in each.
  get pickResultType(): experimental.PickResultType {
    return COMPLETE;
  }

  get status(): null {
    return null;
  }

  get subchannel(): Subchannel {
    return this as unknown as Subchannel;
  }

  get endpoint(): Endpoint {
    return this.#lease.endpoint;
  }

  /** Called by grpc-js, with `this`, once the stream is open. */
  onCallStarted(): void {
    this.#settle();
  }

  // What grpc-js asks of a picked connection; the last two where it traces.

  getCallCredentials(): ReturnType<Subchannel['getCallCredentials']> {
    return this.#over.getCallCredentials();
  }

  getConnectivityState(): connectivityState {
    return this.#over.getConnectivityState();
  }

  getRealSubchannel(): this {
    return this;
  }

  getChannelzRef(): ReturnType<Subchannel['getChannelzRef']> {
    return this.#over.getChannelzRef();
  }

  getAddress(): string {
    return this.#over.getAddress();
  }

  /**
   * Opens the stream, whose events come by here. What it throws, grpc-js answers by another pick.
   */
  createCall(metadata: Metadata, host: string, method: string, listener: StreamListener, id: number): Stream {
    this.#listener = listener;
    this.#hadMs = timeLeftMs(metadata);
    if (this.#hadMs === 0) return endUnsent(this, LATE);
    this.#traced?.inject(metadata, METADATA);
    const authority = host === this.#context.authority ? (this.#leaf?.authority ?? host) : host;
    const stream = this.#open(metadata, authority, method, id);
    whenServerEnds(stream, (trailers) => this.#serverEnded(trailers));
    this.#call.shadow?.follow(stream, { metadata, host, method }, this.#call, this.#context);
    this.#stream = stream;
    this.#context.live.add(this);
    return stream;
  }

  #open(metadata: Metadata, authority: string, method: string, id: number): Stream {
    const record = this.#counts ? this.#record : undefined;
    try {
      const stream = this.#over.getRealSubchannel().createCall(metadata, authority, method, this, id);
      record?.opened(stream);
      return stream;
    } catch (error) {
      record?.notOpened();
      throw error;
    }
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.#listener!.onReceiveMetadata(metadata);
  }

  onReceiveMessage(message: Buffer): void {
    if (this.#counts) this.#record!.received(message);
    this.#listener!.onReceiveMessage(message);
  }

  /**
   * In the context of the caller. What is read comes in the context that the stream was opened in,
   * which is the caller's; but Node 20 and 22 emit the end of an HTTP/2 stream in the context of
   * its session, and so does every Node the loss of it: in that of the call which made the
   * connection.
   */
  onReceiveStatus(ended: Parameters<StreamListener['onReceiveStatus']>[0]): void {
    const listener = this.#listener!;
    const told = isRefusedStream(ended) ? { ...ended, code: REFUSED_STREAM } : ended;
    this.#call.runInAsyncScope(listener.onReceiveStatus, listener, told);
  }

  /** What grpc-js tells its caller: the code is no reason to repeat it elsewhere, as nothing is. */
  breakOff(): void {
    this.#stream?.cancelWithStatus(status.UNAVAILABLE, BROKEN_OFF);
  }

  /** It will not start. */
  abandon(): void {
    this.#leave();
    this.#report();
    this.#traced?.end('cancelled');
    this.#lease.done(Outcome.Cancelled);
  }

  /**
   * Trailers arrived. An OK is reported to grpc-js's caller once the messages before it are read;
   * what else a call ends with is at once.
   */
  #serverEnded(headers: IncomingHttpHeaders): void {
    if (Number(headers['grpc-status']) !== status.OK) return;
    const leaf = this.#leave();
    if (leaf === undefined) return;
    this.#traced?.end('success', 'OK');
    const { reportsPerCall, classify } = this.#context;
    const looked = classify !== undefined || (reportsPerCall && carriesLoad(headers));
    this.#finish(status.OK, '', looked ? Metadata.fromHttp2Headers(headers) : NO_METADATA, leaf);
  }

  #ended(code: status, details: string, metadata: Metadata): void {
    this.#call.attemptEnded(publicCode(code), details, metadata);
    const leaf = this.#leave();
    this.#report();
    this.#record?.end(publicCode(code));
    this.#traced?.end(outcomeName(outcomeOf(code)), status[publicCode(code)] ?? 'UNKNOWN');
    // Late: it was let go of, and its lease is done.
    if (leaf !== undefined) this.#finish(code, details, metadata, leaf);
  }

  #finish(code: status, details: string, metadata: Metadata, leaf: Connection): void {
    const { reportsPerCall, pending, classify } = this.#context;
    if (reportsPerCall) takeLoadTrailer(this.#lease.endpoint, metadata, pending.clock);
    // It took so long that another attempt was started, and that one answered.
    const overtaken = isDiscardedHedge(code, details) && this.#call.hasNewerThan(this);
    if (overtaken) this.#lease.done(Outcome.Timeout);
    else if (this.#hadMs === 0 || code === REFUSED_STREAM) this.#lease.done(Outcome.Cancelled);
    else {
      const outcome = judge(code, details, metadata, leaf, this.#connection, classify);
      this.#lease.done(outcome, outcome === Outcome.Timeout ? this.#timeMs : undefined);
    }
  }

  /** Of a call without a deadline nothing is known but what its service measures. */
  get #timeMs(): number | undefined {
    return this.#hadMs >= 0 ? this.#hadMs : undefined;
  }

  /** Frees its place on the connection, once: returns that connection the first time. */
  #leave(): Connection | undefined {
    this.#settle();
    this.#context.live.remove(this);
    const leaf = this.#leaf;
    this.#leaf = undefined;
    if (leaf === undefined) return undefined;
    leaf.streams--;
    return leaf;
  }

  #report(): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#call.attemptLeft();
  }

  #settle(): void {
    if (!this.pending) return;
    this.pending = false;
    this.#context.pending.remove(this);
  }
}

const NO_METADATA = new Metadata();
const METADATA: HeaderSetter<Metadata> = { set: (metadata, name, value) => metadata.set(name, value) };

const BROKEN_OFF = 'FAIRLEAD_CLOSED: the call had not ended when the mesh closed, and was broken off';

/** Read once: `experimental` answers by getters of its own, which take 0.1 to 0.24 µs. */
const { COMPLETE } = experimental.PickResultType;

/** What grpc-js itself says of a call whose deadline passes. */
const LATE = { code: status.DEADLINE_EXCEEDED, details: 'Deadline exceeded before it was sent', metadata: NO_METADATA };

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
  // the first call reports it, the others add nothing. (The endpoint has left the rotation
  // anyway until it is connected again.)
  if (outcome === Outcome.Failure && leaf.connection !== connection && !leaf.reportLoss(connection)) {
    return Outcome.Cancelled;
  }
  return outcome;
}
