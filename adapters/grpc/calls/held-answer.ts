import type { experimental, Metadata, status } from '@grpc/grpc-js';
import type { CallerContext } from '../../../src/adapter.js';
import type { Clock, Timer } from '../../../src/index.js';
import { connectionWith, type Stream, type StreamListener } from './connection-with.js';

/**
 * How long a message may wait for its status, milliseconds. A server that answers by one message
 * sends the status with it. Longer than `idempotent` calls need to be hedged twice.
 */
const HOLD_MS = 2_000;

const OK: status.OK = 0;

/** How an answer is held, and the callback for streams. */
export interface Holding {
  readonly repeatable: ReadonlySet<status>;
  readonly clock: Clock;
  /** Where the answer is handed on: what lets go of it may run in the context of another call. */
  readonly caller: CallerContext;
  /** It streams: a second message says so, or an answer before the requests have ended. */
  streams(): void;
  /** Its status has not come for long: it streams, or its server broke off. */
  late(): void;
  /** An answer of one message came whole. */
  whole(): void;
}

/**
 * The same connection, over which an answer is handed on whole: headers and message together with
 * the status. grpc-js takes a call for decided once headers arrive (gRFC A6), and repeats and
 * hedges it no more; a server that dies or hangs between them and the status takes the call along.
 * An answer that breaks off by one of the `repeatable` codes is not handed on at all, so that
 * another attempt may give it.
 *
 * An answer that turns out to be a stream is not held any longer: where it has a second message,
 * begins before its requests have ended, or its status does not come. The last says nothing of a
 * method that has answered by one message before: then it is the server that broke off.
 */
export function holdAnswer(
  subchannel: experimental.SubchannelInterface,
  holding: Holding,
): experimental.SubchannelInterface {
  return connectionWith(subchannel, (metadata, host, method, listener, id) => {
    const held = new HeldAnswer(listener, holding);
    const stream = subchannel.getRealSubchannel().createCall(metadata, host, method, held, id);
    held.follow(stream);
    return stream;
  });
}

class HeldAnswer implements StreamListener {
  readonly #listener: StreamListener;
  readonly #how: Holding;
  #stream: Stream | undefined;
  #metadata: Metadata | undefined;
  #message: Buffer | undefined;
  #requestsEnded = false;
  #patience: Timer | undefined;
  #holding = true;

  constructor(listener: StreamListener, how: Holding) {
    this.#listener = listener;
    this.#how = how;
  }

  follow(stream: Stream): void {
    this.#stream = stream;
    stream.halfClose = this.#ending(stream);
  }

  /** Made here, and not where it is assigned: see `test/built-closures.test.ts`. */
  #ending(stream: Stream): Stream['halfClose'] {
    const { halfClose } = stream;
    return () => {
      this.#requestsEnded = true;
      halfClose?.call(stream);
    };
  }

  onReceiveMetadata(metadata: Metadata): void {
    if (this.#holding) this.#metadata = metadata;
    else this.#listener.onReceiveMetadata(metadata);
  }

  onReceiveMessage(message: Buffer): void {
    if (this.#holding && this.#message === undefined && this.#requestsEnded) {
      this.#message = message;
      this.#patience = this.#how.clock.after(HOLD_MS, () => this.#isLate());
      // What comes next decides: the status, or another message.
      this.#stream?.startRead();
      return;
    }
    if (this.#holding) this.#isStream();
    this.#listener.onReceiveMessage(message);
  }

  onReceiveStatus(ended: Parameters<StreamListener['onReceiveStatus']>[0]): void {
    this.#patience?.cancel();
    if (this.#holding && this.#message !== undefined && ended.code === OK) this.#how.whole();
    if (!this.#how.repeatable.has(ended.code)) this.#release();
    this.#listener.onReceiveStatus(ended);
  }

  #isLate(): void {
    this.#how.late();
    this.#release();
  }

  #isStream(): void {
    this.#how.streams();
    this.#release();
  }

  #release(): void {
    if (!this.#holding) return;
    this.#holding = false;
    this.#patience?.cancel();
    this.#how.caller.run(this.#handOn, this);
  }

  #handOn(): void {
    if (this.#metadata !== undefined) this.#listener.onReceiveMetadata(this.#metadata);
    if (this.#message !== undefined) this.#listener.onReceiveMessage(this.#message);
  }
}
