import { AsyncLocalStorage } from 'node:async_hooks';
import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import { Code, ConnectError } from '@connectrpc/connect';
import { lostStream } from './network-errors.js';

/** The response that an HTTP/2 stream is being opened for: connect-node does not say. */
const awaited = new AsyncLocalStorage<StreamEnd | undefined>();

interface Heard {
  resolve(): void;
  reject(thrown: unknown): void;
}

/**
 * The end of one response as its HTTP/2 stream shows it, whether or not its messages are read: the
 * server's trailers, or the loss of the stream. Of a response that is being read, its reader knows
 * no sooner.
 */
export class StreamEnd {
  readonly #isLate: () => boolean;
  #watching = false;
  #heard: Heard | undefined;
  /** What came before `listen`. */
  #ended: ((heard: Heard) => void) | undefined;

  /**
   * `isLate`: whether the deadline has passed. connect-node resets the stream then, which looks
   * like one that the server or the network has reset.
   */
  constructor(isLate: () => boolean) {
    this.#isLate = isLate;
  }

  /** Opens the stream: the first one that is opened meanwhile. */
  during<T>(open: () => T): T {
    return awaited.run(this, open);
  }

  /** Opens the stream of a call that is not watched, in any context. */
  static without<T>(open: () => T): T {
    return awaited.getStore() === undefined ? open() : awaited.run(undefined, open);
  }

  static opened(stream: ClientHttp2Stream): void {
    const end = awaited.getStore();
    if (end !== undefined) end.#watch(stream);
  }

  /** Called once with the end. Must not hold the reader of the response. */
  listen(heard: Heard): void {
    this.#heard = heard;
    this.#ended?.(heard);
  }

  #watch(stream: ClientHttp2Stream): void {
    if (this.#watching) return;
    this.#watching = true;
    stream.once('trailers', (trailers: IncomingHttpHeaders) => this.#tell((heard) => judge(trailers, heard)));
    stream.once('close', () => {
      if (stream.rstCode === constants.NGHTTP2_NO_ERROR) return this.#tell((heard) => heard.resolve());
      const lost = this.#isLate() ? lateStream() : lostStream();
      this.#tell((heard) => heard.reject(lost));
    });
  }

  #tell(ended: (heard: Heard) => void): void {
    if (this.#ended !== undefined) return;
    this.#ended = ended;
    if (this.#heard !== undefined) ended(this.#heard);
  }
}

function lateStream(): ConnectError {
  return new ConnectError('the operation timed out', Code.DeadlineExceeded);
}

/** Trailers are gRPC's; the Connect protocol has its own end among the messages. */
function judge(trailers: IncomingHttpHeaders, heard: Heard): void {
  const code = Number(trailers['grpc-status'] ?? 0);
  if (code === 0) heard.resolve();
  else heard.reject(new ConnectError(String(trailers['grpc-message'] ?? ''), code));
}
