import type { experimental, Metadata, status } from '@grpc/grpc-js';
import { connectionWith, type Stream, type StreamListener } from './connection-with.js';

/**
 * The same connection, over which an answer is handed on whole: headers and message together with
 * the status. grpc-js takes a call for decided once headers arrive (gRFC A6), and repeats and
 * hedges it no more; a server that dies or hangs between them and the status takes the call along.
 * An answer that breaks off by one of the `repeatable` codes is not handed on at all, so that
 * another attempt may give it.
 */
export function holdAnswer(
  subchannel: experimental.SubchannelInterface,
  repeatable: ReadonlySet<status>,
): experimental.SubchannelInterface {
  return connectionWith(subchannel, (metadata, host, method, listener, id) => {
    const held = new HeldAnswer(listener, repeatable);
    held.stream = subchannel.getRealSubchannel().createCall(metadata, host, method, held, id);
    return held.stream;
  });
}

class HeldAnswer implements StreamListener {
  stream: Stream | undefined;
  readonly #listener: StreamListener;
  readonly #repeatable: ReadonlySet<status>;
  #metadata: Metadata | undefined;
  #message: Buffer | undefined;
  #holding = true;

  constructor(listener: StreamListener, repeatable: ReadonlySet<status>) {
    this.#listener = listener;
    this.#repeatable = repeatable;
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.#metadata = metadata;
  }

  onReceiveMessage(message: Buffer): void {
    if (this.#holding && this.#message === undefined) {
      this.#message = message;
      // What comes next decides. Another message makes it a stream, which is not held up any
      // longer.
      this.stream?.startRead();
      return;
    }
    this.#release();
    this.#listener.onReceiveMessage(message);
  }

  onReceiveStatus(ended: Parameters<StreamListener['onReceiveStatus']>[0]): void {
    if (!this.#repeatable.has(ended.code)) this.#release();
    this.#listener.onReceiveStatus(ended);
  }

  #release(): void {
    if (!this.#holding) return;
    this.#holding = false;
    if (this.#metadata !== undefined) this.#listener.onReceiveMetadata(this.#metadata);
    if (this.#message !== undefined) this.#listener.onReceiveMessage(this.#message);
  }
}
