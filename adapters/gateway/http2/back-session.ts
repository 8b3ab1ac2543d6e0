import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../../src/index.js';
import type { BackHttp2Settings } from '../common/back-http2.js';

/** What a connection tells its pool. */
export interface BackSessionHost {
  readonly clock: Clock;
  readonly settings: BackHttp2Settings;
  /** It has said its limits, and takes requests. */
  opened(session: BackSession): void;
  /** A request has ended: there may be room for another. */
  freed(session: BackSession): void;
  /** It takes no requests any more; `error` where it never took any. */
  ended(session: BackSession, error: Error | undefined): void;
  /** Nothing is left of it. */
  closed(session: BackSession): void;
}

/** Of the last stream that a server processed, where it has not said. */
const ALL = Number.POSITIVE_INFINITY;

/**
 * A connection of HTTP/2 to an endpoint. It takes requests once the server has sent its SETTINGS:
 * so a peer that accepts and is silent counts as one that cannot be connected to, and no more
 * requests are begun than it allows.
 *
 * After GOAWAY it takes none; those that the server says it did not process can be told by
 * `wasProcessed` (RFC 9113, 6.8).
 */
export class BackSession {
  readonly #host: BackSessionHost;
  readonly #session: ClientHttp2Session;
  readonly #socket: Socket;
  #state: 'connecting' | 'open' | 'ended' = 'connecting';
  #active = 0;
  #lastProcessed = ALL;
  #error: Error | undefined;
  #idle: Timer | undefined;
  #ping: Timer | undefined;

  /** `socket`: connected. How long the SETTINGS may take is up to the pool. */
  constructor(socket: Socket, host: BackSessionHost) {
    this.#host = host;
    this.#socket = socket;
    this.#session = connect('http://upstream', { createConnection: () => socket, settings: { enablePush: false } });
    this.#session
      .once('remoteSettings', () => this.#opened())
      .on('goaway', (_code: number, lastStreamId: number) => this.#leaves(lastStreamId))
      .on('error', (error: Error) => {
        this.#error = error;
      })
      .once('close', () => this.#ended());
  }

  /** Requests that may be begun now. */
  get room(): number {
    if (this.#state !== 'open' || this.#session.closed) return 0;
    return (this.#session.remoteSettings.maxConcurrentStreams ?? ALL) - this.#active;
  }

  get active(): number {
    return this.#active;
  }

  get connecting(): boolean {
    return this.#state === 'connecting';
  }

  /** Whether the server may have done something for a request. */
  wasProcessed(stream: ClientHttp2Stream): boolean {
    return stream.id !== undefined && stream.id <= this.#lastProcessed;
  }

  /** The connection is gone, which node:http2 tells streams as a reset. */
  get broken(): boolean {
    return this.#session.destroyed || this.#socket.destroyed;
  }

  /** It has said that it takes no more. */
  get leaving(): boolean {
    return this.#lastProcessed !== ALL;
  }

  /** Begins a request; throws where the connection has just ended. */
  request(headers: OutgoingHttpHeaders, endStream: boolean): ClientHttp2Stream {
    // Without trailers to come node:http2 ends what it resets: half an upload would look whole.
    const stream = this.#session.request(headers, { endStream, waitForTrailers: !endStream });
    this.#active++;
    this.#idle?.cancel();
    if (this.#active === 1) {
      this.#session.ref();
      this.#keepAlive();
    }
    stream.once('close', () => this.#freed());
    return stream;
  }

  /** Ends it when its last request has ended. */
  close(): void {
    this.#end(undefined);
    this.#session.close();
  }

  destroy(error?: Error): void {
    this.#error ??= error;
    this.#session.destroy(error);
    // node:http2 may wait for the other end, which may be silent.
    this.#socket.destroy();
  }

  #opened(): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'open';
    this.#rest();
    this.#host.opened(this);
  }

  #leaves(lastStreamId: number): void {
    // A server that takes its time says it twice, at first of all there can be.
    this.#lastProcessed = Math.min(this.#lastProcessed, lastStreamId);
    this.#end(undefined);
  }

  #freed(): void {
    this.#active--;
    if (this.#active === 0) this.#rest();
    this.#host.freed(this);
  }

  /** Without requests it does not keep the process alive, and not itself either. */
  #rest(): void {
    this.#ping?.cancel();
    if (this.#session.destroyed) return;
    this.#session.unref();
    this.#idle = this.#host.clock.after(this.#host.settings.idleMs, () => this.close());
  }

  #keepAlive(): void {
    const { clock, settings } = this.#host;
    const { pingIntervalMs, pingTimeoutMs } = settings;
    if (pingIntervalMs === 0) return;
    this.#ping = clock.after(pingIntervalMs, () => {
      if (this.#session.destroyed) return;
      this.#ping = clock.after(pingTimeoutMs, () =>
        this.destroy(Object.assign(new Error('no answer to a PING'), { code: 'ETIMEDOUT' })),
      );
      this.#session.ping((error) => {
        this.#ping?.cancel();
        if (error === null && this.#active > 0) this.#keepAlive();
      });
    });
  }

  #ended(): void {
    this.#idle?.cancel();
    this.#ping?.cancel();
    const never = this.#state === 'connecting';
    this.#end(never ? (this.#error ?? noHttp2()) : undefined);
    this.#host.closed(this);
  }

  #end(error: Error | undefined): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#host.ended(this, error);
  }
}

export const noHttp2 = (): Error =>
  Object.assign(new Error('The endpoint does not speak HTTP/2'), { code: 'ERR_HTTP2_ERROR' });
