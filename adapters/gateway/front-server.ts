import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../../src/index.js';
import type { GatewaySettings } from './options.js';

const METHOD_NOT_ALLOWED = 'HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';

/** How often Node looks for clients that are too slow; milliseconds. */
const SLOW_CHECK_MS = 1_000;

/** The server that clients connect to, where the gateway has one of its own. */
export class FrontServer {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #lameDuckMs: number;
  #listening = false;

  constructor(
    settings: GatewaySettings,
    clock: Clock,
    handle: (request: IncomingMessage, response: ServerResponse) => void,
  ) {
    const { tls, maxHeaderBytes, headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs } = settings;
    const options: ServerOptions = {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
      connectionsCheckingInterval: SLOW_CHECK_MS,
      insecureHTTPParser: false,
      requireHostHeader: true,
    };
    this.#clock = clock;
    this.#lameDuckMs = settings.lameDuckMs;
    this.#server =
      tls === undefined ? createServer(options, handle) : createSecureServer({ ...tls, ...options }, handle);
    // Beyond a number of headers Node drops them without a word; their bytes are limited above.
    this.#server.maxHeadersCount = 0;
    this.#server.on('connect', (_request, socket: Socket) => {
      socket.on('error', () => {});
      socket.end(METHOD_NOT_ALLOWED);
    });
  }

  async listen(port: number, host: string | undefined): Promise<number> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    this.#listening = true;
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resolves when the last connection is closed. */
  async close(deadlineMs: number): Promise<void> {
    if (!this.#listening) return;
    const server = this.#server;
    const closed = once(server, 'close');
    const lameDuckMs = Math.min(this.#lameDuckMs, deadlineMs);
    // `close` itself ends connections that are idle: a request may be under way on one of them.
    const closeIdle = server.closeIdleConnections;
    server.closeIdleConnections = () => {};
    server.close();
    server.closeIdleConnections = closeIdle;
    const timers = [
      this.#clock.awaited(lameDuckMs, () => server.closeIdleConnections()),
      this.#clock.awaited(deadlineMs, () => server.closeAllConnections()),
    ];
    await closed;
    for (const timer of timers) timer.cancel();
  }
}
