import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Clock } from '../../../src/index.js';
import { TokenBucket } from '../../../src/resilience/index.js';
import { expectsContinue } from '../common/expectation.js';
import { isGrpc } from '../common/grpc.js';
import type { FrontHttp2Settings } from './front-options.js';
import { StreamRequest } from './stream-request.js';
import { StreamResponse } from './stream-response.js';

const { NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_FLAG_END_STREAM, NGHTTP2_NO_ERROR } = constants;

/** What the connections of clients share. */
export interface FrontSessionHost {
  readonly clock: Clock;
  readonly settings: FrontHttp2Settings;
  readonly maxHeaderBytes: number;
  readonly keepAliveTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly counts: FrontCounts;
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** Answers what no route may have, in the gateway's own words. */
  refuse(request: IncomingMessage, response: ServerResponse, status: number): void;
  closed(session: FrontSession): void;
}

export interface FrontCounts {
  /** Connections that were closed because their client sent too many frames of a kind. */
  floods: number;
  /** Requests that clients took back before they were answered. */
  resets: number;
  /** Responses that were broken off because their client took nothing of them. */
  stalled: number;
}

/** The lowest limit that says all may still be sent: RFC 9113, 6.8. */
const ALL_STREAMS = 2 ** 31 - 1;
/** The number of headers is limited by their bytes. */
const MAX_HEADER_PAIRS = 4_000;
const BURST_S = 10;

interface OpenStream {
  readonly request: StreamRequest;
  readonly response: StreamResponse;
  readonly startMs: number;
  readonly endless: boolean;
  /** What of the response was taken, when it was last looked at, and since when. */
  progress: number;
  sinceMs: number;
}

/** A client's connection of HTTP/2. */
export class FrontSession {
  readonly #host: FrontSessionHost;
  readonly #socket: Socket;
  readonly #session: ServerHttp2Session;
  readonly #streams = new Set<OpenStream>();
  readonly #resets: TokenBucket;
  readonly #controls: TokenBucket;
  #idleSinceMs: number;
  #flooded = false;

  constructor(socket: Socket, host: FrontSessionHost) {
    const { settings, clock, maxHeaderBytes } = host;
    const { maxStreams, resetsPerSecond, controlFramesPerSecond } = settings;
    this.#host = host;
    this.#socket = socket;
    this.#resets = new TokenBucket({ perSecond: resetsPerSecond, burst: resetsPerSecond * BURST_S });
    this.#controls = new TokenBucket({ perSecond: controlFramesPerSecond, burst: controlFramesPerSecond * BURST_S });
    this.#idleSinceMs = clock.now();
    socket.on('error', ignore);
    this.#session = performServerHandshake(socket, {
      maxHeaderListPairs: MAX_HEADER_PAIRS,
      settings: { maxConcurrentStreams: maxStreams, maxHeaderListSize: maxHeaderBytes, enablePush: false },
    });
    const began = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, raw?: unknown): void =>
      this.#stream(stream, headers, flags, raw as readonly string[]);
    this.#session
      .on('error', ignore)
      .on('stream', began)
      .on('remoteSettings', () => this.#controlled())
      .on('ping', () => this.#controlled())
      .once('close', () => host.closed(this));
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** Says that it goes; what is on its way is answered still. */
  announceEnd(): void {
    if (!this.#session.destroyed) this.#session.goaway(NGHTTP2_NO_ERROR, ALL_STREAMS);
  }

  /** Takes no more requests and closes when those in progress have ended. */
  close(): void {
    this.#session.close();
  }

  destroy(): void {
    this.#session.destroy();
    this.#socket.destroy();
  }

  /** To be called now and then: ends what is idle or too slow. */
  check(nowMs: number): void {
    if (this.#streams.size === 0 && nowMs - this.#idleSinceMs >= this.#host.keepAliveTimeoutMs) this.#session.close();
    for (const stream of this.#streams) this.#checkStream(stream, nowMs);
  }

  #stream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, raw: readonly string[]): void {
    stream.on('error', ignore);
    if (stream.closed || stream.destroyed) {
      this.#takenBack();
      return;
    }
    const request = new StreamRequest(stream, this.#socket, headers, raw, (flags & NGHTTP2_FLAG_END_STREAM) !== 0);
    const response = new StreamResponse(request);
    const startMs = this.#host.clock.now();
    const endless = isGrpc(request.asMessage());
    const open: OpenStream = { request, response, startMs, endless, progress: -1, sinceMs: startMs };
    this.#streams.add(open);
    stream.once('aborted', () => {
      if (!response.broken) this.#takenBack();
    });
    stream.once('close', () => {
      this.#streams.delete(open);
      if (this.#streams.size === 0) this.#idleSinceMs = this.#host.clock.now();
    });
    // What node:http2 holds a client to it knows only after it has said that it has heard.
    const refused = request.method === 'CONNECT' ? 405 : sizeOf(raw) > this.#host.maxHeaderBytes ? 431 : 0;
    if (refused > 0) {
      this.#host.refuse(request.asMessage(), response.asResponse(), refused);
      return;
    }
    if (headers.expect?.toLowerCase() === '100-continue') expectsContinue(response.asResponse());
    this.#host.handle(request.asMessage(), response.asResponse());
  }

  #takenBack(): void {
    this.#host.counts.resets++;
    if (!this.#session.destroyed && this.#resets.tryAcquire(this.#host.clock.now()) > 0) this.#flood();
  }

  #controlled(): void {
    if (this.#controls.tryAcquire(this.#host.clock.now()) > 0) this.#flood();
  }

  #flood(): void {
    if (this.#flooded) return;
    this.#flooded = true;
    this.#host.counts.floods++;
    this.#session.destroy(undefined, NGHTTP2_ENHANCE_YOUR_CALM);
  }

  #checkStream(stream: OpenStream, nowMs: number): void {
    const { settings, requestTimeoutMs, counts } = this.#host;
    const { request, response, startMs, endless } = stream;
    const { progress } = response;
    if (progress === undefined || progress !== stream.progress) {
      stream.progress = progress ?? -1;
      stream.sinceMs = nowMs;
    } else if (settings.stalledMs > 0 && nowMs - stream.sinceMs >= settings.stalledMs) {
      counts.stalled++;
      response.destroy();
    }
    if (requestTimeoutMs > 0 && !endless && !request.complete && nowMs - startMs >= requestTimeoutMs)
      response.reset(NGHTTP2_CANCEL);
  }
}

/** Of a list of headers: RFC 9113, 6.5.2. */
function sizeOf(raw: readonly string[]): number {
  let bytes = 16 * raw.length;
  for (const each of raw) bytes += each.length;
  return bytes;
}

function ignore(): void {}
