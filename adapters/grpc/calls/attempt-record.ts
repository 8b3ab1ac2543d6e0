import { type experimental, status } from '@grpc/grpc-js';
import type { Endpoint } from '../../../src/index.js';
import type { MethodCounts } from '../common/method-counts.js';
import type { AttemptFigures, ChannelTelemetry } from '../common/telemetry.js';
import { connectionWith, type Stream, type StreamListener } from './connection-with.js';

/** Each message is framed by a flag for compression and its length. */
const FRAME_BYTES = 5;

/** The call that an attempt is one of. */
interface MeasuredCall {
  readonly path: string;
  readonly telemetry: ChannelTelemetry;
  readonly counts: MethodCounts | undefined;
  /** Since it began. */
  elapsedMicros(): number;
  attemptEnded(attempt: AttemptRecord): void;
}

/** What is measured of one attempt of a call. */
export class AttemptRecord implements AttemptFigures {
  readonly #call: MeasuredCall;
  /** Since its call began. */
  readonly #startMicros: number;
  endpoint: Endpoint | undefined = undefined;
  /** -1 while it goes on. */
  durationMicros = -1;
  sentBytes = 0;
  receivedBytes = 0;
  #streaming = false;

  constructor(call: MeasuredCall, startMicros: number) {
    this.#call = call;
    this.#startMicros = startMicros;
    call.telemetry.attempt(call.path, call.counts, undefined, this);
  }

  /**
   * Another pick may be its own: it waited for a connection, or lost the one it was given before it
   * could use it.
   */
  get awaitsStream(): boolean {
    return !this.#streaming && !this.hasEnded;
  }

  get hasEnded(): boolean {
    return this.durationMicros >= 0;
  }

  /**
   * The same connection, on which the bytes of this attempt are counted: for one between which and
   * the attempt there is something that holds messages.
   */
  over(subchannel: experimental.SubchannelInterface): experimental.SubchannelInterface {
    return connectionWith(subchannel, (metadata, host, method, listener, id) => {
      listener.onReceiveMessage = this.#receiving(listener);
      try {
        const stream = subchannel.getRealSubchannel().createCall(metadata, host, method, listener, id);
        this.opened(stream);
        return stream;
      } catch (error) {
        this.notOpened();
        throw error;
      }
    });
  }

  /** Its stream could not be opened: grpc-js calls it INTERNAL and begins another attempt. */
  notOpened(): void {
    this.end(status.INTERNAL);
  }

  /** Counts what is sent on its stream. */
  opened(stream: CountedStream): void {
    this.#streaming = true;
    stream[RECORD] = this;
    if (!Object.hasOwn(stream, 'sendMessageWithContext')) {
      // The same function for all streams: a closure for each is twice what is measured.
      stream.sendMessageWithContext = sendCounted;
      return;
    }
    stream.sendMessageWithContext = this.#sending(stream);
  }

  // Both are made here, and not where they are assigned: see `test/built-closures.test.ts`.

  #sending(stream: Stream): Stream['sendMessageWithContext'] {
    const send = stream.sendMessageWithContext;
    return (context, message) => {
      this.sent(message);
      send.call(stream, context, message);
    };
  }

  #receiving(listener: StreamListener): StreamListener['onReceiveMessage'] {
    const receive = listener.onReceiveMessage;
    return (message: Buffer) => {
      this.received(message);
      receive.call(listener, message);
    };
  }

  /** A message is sent. */
  sent(message: Buffer): void {
    this.sentBytes += message.length - FRAME_BYTES;
  }

  /** A message came. */
  received(message: Buffer): void {
    this.receivedBytes += message.length - FRAME_BYTES;
  }

  end(code: status): void {
    if (this.hasEnded) return;
    const { telemetry, path, counts } = this.#call;
    this.durationMicros = this.#call.elapsedMicros() - this.#startMicros;
    telemetry.attempt(path, counts, code, this);
    this.#call.attemptEnded(this);
  }

  /** Since its call began. */
  get endMicros(): number {
    return this.#startMicros + this.durationMicros;
  }
}

const RECORD: unique symbol = Symbol('record');

type Send = Stream['sendMessageWithContext'];
type CountedStream = Stream & { [RECORD]?: AttemptRecord };

/** In place of the method of its class. */
function sendCounted(this: CountedStream, context: Parameters<Send>[0], message: Parameters<Send>[1]): void {
  this[RECORD]?.sent(message);
  (Object.getPrototypeOf(this) as Stream).sendMessageWithContext.call(this, context, message);
}
