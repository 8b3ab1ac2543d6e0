import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { optionReaders } from '../../src/adapter.js';
import type { Clock } from '../../src/index.js';
import { expectsContinue } from './common/expectation.js';
import type { Tunnel } from './forward/tunnel.js';
import { FrontSessions } from './http2/front-sessions.js';
import { peekPreface } from './http2/preface.js';
import type { GatewaySettings } from './options.js';
import { whenHeadRefused } from './refused-head.js';
import { plainHead, responseOn } from './upgrades.js';

/** How often Node looks for clients that are too slow; milliseconds. */
const SLOW_CHECK_MS = 1_000;

/** What clients may speak over TLS, the best first. */
const PROTOCOLS = ['h2', 'http/1.1'];

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Answers what no route may have, in the gateway's own words: it is logged and counted as any
 * other.
 */
export type Refuse = (request: IncomingMessage, response: ServerResponse, status: number) => void;

/**
 * One request of a pipeline after the other: what follows a POST may depend on it (RFC 9112,
 * 9.3.2). node:http gives a response its connection when its turn has come.
 */
const inTurn =
  (handle: Handle): Handle =>
  (request, response) => {
    if (response.socket !== null) handle(request, response);
    else response.once('socket', () => handle(request, response));
  };

/**
 * The server that clients connect to, where the gateway has one of its own. They speak HTTP/1.1 or
 * HTTP/2 over the same port: with TLS as ALPN says, without it as their first bytes say.
 */
export class FrontServer {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #lameDuckMs: number;
  readonly #http2: FrontSessions | undefined;
  /** Connections that have not said anything. */
  readonly #silent = new Set<Socket>();
  #listening = false;

  constructor(
    settings: GatewaySettings,
    clock: Clock,
    handle: Handle,
    upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean,
    refuse: Refuse,
  ) {
    const { tls, http2, maxHeaderBytes, headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs } = settings;
    const options: ServerOptions = {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
      connectionsCheckingInterval: SLOW_CHECK_MS,
      insecureHTTPParser: false,
      // Refused with all other heads, in the gateway's words and its log.
      requireHostHeader: false,
    };
    this.#clock = clock;
    this.#lameDuckMs = settings.lameDuckMs;
    const protocols = http2 === undefined ? {} : { ALPNProtocols: PROTOCOLS };
    this.#server =
      tls === undefined
        ? createServer(options, inTurn(handle))
        : createSecureServer({ ...protocols, ...tls, ...options }, inTurn(handle));
    const timing = { maxHeaderBytes, keepAliveTimeoutMs, requestTimeoutMs };
    this.#http2 = http2 && new FrontSessions({ clock, settings: http2, ...timing, handle, refuse });
    // Beyond a number of headers Node drops them without a word; their bytes are limited above.
    this.#server.maxHeadersCount = 0;
    const serve = this.#divert(tls === undefined ? 'connection' : 'secureConnection', headersTimeoutMs);
    this.#server.on('upgrade', (request, socket, head) => {
      if (upgrade(request, socket, head)) return;
      // Begins anew, as a connection whose first request asks for no upgrade.
      socket.unshift(Buffer.concat([Buffer.from(plainHead(request), 'latin1'), head]));
      serve(socket as Socket);
    });
    this.#server.on(
      'checkContinue',
      inTurn((request, response) => {
        expectsContinue(response);
        handle(request, response);
      }),
    );
    this.#server.on(
      'checkExpectation',
      inTurn((request, response) => refuse(request, response, 417)),
    );
    this.#server.on(
      'clientError',
      whenHeadRefused((request, socket, status) => {
        socket.on('error', () => {});
        refuse(request, responseOn(request, socket, clock), status);
      }),
    );
    this.#server.on('connect', (request, socket: Socket) => {
      socket.on('error', () => {});
      refuse(request, responseOn(request, socket, clock), 405);
    });
  }

  /** Returns what serves a connection of HTTP/1.1. */
  #divert(event: 'connection' | 'secureConnection', silentMs: number): (socket: Socket) => void {
    const server = this.#server;
    const http2 = this.#http2;
    const [listener] = server.listeners(event) as ((socket: Socket) => void)[];
    const serve = (socket: Socket): void => listener!.call(server, socket);
    if (http2 === undefined) return serve;
    server.off(event, listener!);
    server.on(event, (socket: Socket & { readonly alpnProtocol?: string | false }) => {
      if (event === 'connection') this.#peek(socket, silentMs, serve, http2);
      else if (socket.alpnProtocol === 'h2') http2.take(socket);
      else serve(socket);
    });
    return serve;
  }

  #peek(socket: Socket, silentMs: number, serve: (socket: Socket) => void, http2: FrontSessions): void {
    this.#silent.add(socket);
    const timer = silentMs > 0 ? this.#clock.after(silentMs, () => socket.destroy()) : undefined;
    const heard = (): void => {
      timer?.cancel();
      this.#silent.delete(socket);
    };
    socket.once('close', heard);
    peekPreface(socket, (isHttp2) => {
      socket.off('close', heard);
      heard();
      if (isHttp2) http2.take(socket);
      else serve(socket);
    });
  }

  async listen(port: number, host: string | undefined): Promise<number> {
    // Node takes a text for the path of a socket.
    optionReaders.integer(0, 0, 65_535)(port, 'listen.port');
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    this.#listening = true;
    return (this.#server.address() as AddressInfo).port;
  }

  get figures(): Readonly<Record<string, number>> {
    return this.#http2?.figures ?? {};
  }

  /** Resolves when the last connection is closed. */
  async close(deadlineMs: number, tunnels: ReadonlySet<Tunnel>): Promise<void> {
    if (!this.#listening) return;
    const server = this.#server;
    const closed = once(server, 'close');
    const lameDuckMs = Math.min(this.#lameDuckMs, deadlineMs);
    // `close` itself ends connections that are idle: a request may be under way on one of them.
    const closeIdle = server.closeIdleConnections;
    server.closeIdleConnections = () => {};
    server.close();
    server.closeIdleConnections = closeIdle;
    this.#http2?.announceEnd();
    const timers = [
      this.#clock.awaited(lameDuckMs, () => {
        server.closeIdleConnections();
        this.#http2?.close();
        for (const socket of this.#silent) socket.destroy();
        // They would never end by themselves.
        for (const tunnel of tunnels) tunnel.finish();
      }),
      this.#clock.awaited(deadlineMs, () => {
        server.closeAllConnections();
        this.#http2?.destroy();
        for (const socket of this.#silent) socket.destroy();
        for (const tunnel of tunnels) tunnel.destroy();
      }),
    ];
    await closed;
    for (const timer of timers) timer.cancel();
  }
}
