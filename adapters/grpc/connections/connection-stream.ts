import {
  Client,
  type ClientReadableStream,
  credentials,
  type experimental,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { Backoff } from '../../../src/adapter.js';
import type { Clock, Random, Timer } from '../../../src/index.js';

/**
 * The waits after streams that sent nothing: those of gRPC's connection backoff
 * (doc/connection-backoff.md), with its jitter below them only.
 */
const BACKOFF = { baseMs: 1_000, maxMs: 120_000, factor: 1.6, jitter: 0.2 };

/** What streams take from the mesh. */
export interface StreamContext {
  readonly clock: Clock;
  readonly random: Random;
}

/** What a server reports over time. */
export interface StreamListener {
  message(bytes: Buffer): void;
  /** The stream broke; it is opened again with backoff. */
  broken(error: ServiceError): void;
  /** The server has no such method, and is not asked again. */
  unimplemented?(): void;
}

/**
 * A stream of messages from one server, over the connection that calls go over: opened again when
 * it breaks, until it is closed or the server says that it has no such method.
 */
export class ConnectionStream {
  readonly #client: Client;
  readonly #path: string;
  readonly #request: Buffer;
  readonly #clock: Clock;
  readonly #listener: StreamListener;
  #stream: ClientReadableStream<Buffer> | undefined;
  #timer: Timer | undefined;
  readonly #backoff: Backoff;
  #closed = false;

  constructor(
    subchannel: experimental.SubchannelInterface,
    path: string,
    request: Buffer,
    { clock, random }: StreamContext,
    listener: StreamListener,
  ) {
    this.#path = path;
    this.#request = request;
    this.#clock = clock;
    this.#backoff = new Backoff(random, BACKOFF);
    this.#listener = listener;
    // The channel of the one connection: never balanced, never retried, gone with it.
    const channelOverride = subchannel.getChannel();
    this.#client = new Client('connection', credentials.createInsecure(), { channelOverride });
    this.#open();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#stream?.cancel();
  }

  #open(): void {
    const same = (bytes: Buffer): Buffer => bytes;
    const stream = this.#client.makeServerStreamRequest(this.#path, same, same, this.#request, new Metadata());
    this.#stream = stream;
    stream.on('data', (message: Buffer) => {
      this.#backoff.reset();
      if (!this.#closed) this.#listener.message(message);
    });
    stream.on('error', (error: ServiceError) => this.#ended(error));
    // A server that ends the stream in good order has as little more to say as one that breaks it.
    stream.on('end', () => {});
    stream.on('status', ({ code, details, metadata }) => {
      if (code !== status.OK) return;
      this.#ended(Object.assign(new Error('the server ended the stream'), { code, details, metadata }));
    });
  }

  #ended(error: ServiceError): void {
    if (this.#closed) return;
    if (error.code === status.UNIMPLEMENTED) {
      this.#listener.unimplemented?.();
      return;
    }
    this.#listener.broken(error);
    this.#timer = this.#clock.after(this.#backoff.next(), () => this.#open());
  }
}
