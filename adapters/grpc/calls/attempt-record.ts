import { type experimental, status } from '@grpc/grpc-js';
import type { Endpoint } from '../../../src/index.js';
import type { ChannelTelemetry } from '../common/telemetry.js';
import { connectionWith, type Stream, type StreamListener } from './connection-with.js';

/** Each message is framed by a flag for compression and its length. */
const FRAME_BYTES = 5;

/** The call that an attempt is one of. */
interface MeasuredCall {
  readonly path: string;
  readonly telemetry: ChannelTelemetry;
  attemptEnded(nowMs: number): void;
}

/** What is measured of one attempt of a call. */
export class AttemptRecord {
  readonly #call: MeasuredCall;
  readonly #startMs: number;
  #endpoint: Endpoint | undefined;
  #sentBytes = 0;
  #receivedBytes = 0;
  #streaming = false;
  #ended = false;

  constructor(call: MeasuredCall, startMs: number) {
    this.#call = call;
    this.#startMs = startMs;
    this.#tell('started', undefined, Number.NaN);
  }

  /**
   * Another pick may be its own: it waited for a connection, or lost the one it was given before it
   * could use it.
   */
  get awaitsStream(): boolean {
    return !this.#streaming && !this.#ended;
  }

  /** The same connection, on which the bytes of this attempt are counted. */
  over(subchannel: experimental.SubchannelInterface, endpoint: Endpoint): experimental.SubchannelInterface {
    this.#endpoint = endpoint;
    return connectionWith(subchannel, (metadata, host, method, listener, id) => {
      try {
        const real = subchannel.getRealSubchannel();
        return this.#count(real.createCall(metadata, host, method, this.#listen(listener), id));
      } catch (error) {
        // grpc-js calls it INTERNAL and begins another attempt.
        this.end(status.INTERNAL);
        throw error;
      }
    });
  }

  end(code: status): void {
    if (this.#ended) return;
    this.#ended = true;
    const nowMs = this.#call.telemetry.clock.now();
    this.#tell('ended', code, nowMs - this.#startMs);
    this.#call.attemptEnded(nowMs);
  }

  #count(stream: Stream): Stream {
    this.#streaming = true;
    const send = stream.sendMessageWithContext;
    stream.sendMessageWithContext = (context, message) => {
      this.#sentBytes += message.length - FRAME_BYTES;
      send.call(stream, context, message);
    };
    return stream;
  }

  #listen(listener: StreamListener): StreamListener {
    const receive = listener.onReceiveMessage;
    listener.onReceiveMessage = (message: Buffer) => {
      this.#receivedBytes += message.length - FRAME_BYTES;
      receive.call(listener, message);
    };
    return listener;
  }

  #tell(what: 'started' | 'ended', code: status | undefined, durationMs: number): void {
    const { telemetry, path } = this.#call;
    const [endpoint, sentBytes, receivedBytes] = [this.#endpoint, this.#sentBytes, this.#receivedBytes];
    telemetry.attempt(path, code, { what, endpoint, durationMs, sentBytes, receivedBytes });
  }
}
