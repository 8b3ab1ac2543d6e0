import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../src/index.js';
import { endGently } from './common/linger.js';
import type { Tunnel } from './forward/tunnel.js';
import type { GatewaySettings } from './options.js';
import { plainHead } from './upgrades.js';

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
    upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean,
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
    this.#server.on('upgrade', (request, socket, head) => {
      if (upgrade(request, socket, head)) return;
      // Begins anew, as a connection whose first request asks for no upgrade.
      socket.unshift(Buffer.concat([Buffer.from(plainHead(request), 'latin1'), head]));
      this.#server.emit(tls === undefined ? 'connection' : 'secureConnection', socket);
    });
    this.#server.on('connect', (_request, socket: Socket) => {
      socket.on('error', () => {});
      socket.write(METHOD_NOT_ALLOWED);
      endGently(socket, clock);
    });
  }

  async listen(port: number, host: string | undefined): Promise<number> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    this.#listening = true;
    return (this.#server.address() as AddressInfo).port;
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
    const timers = [
      this.#clock.awaited(lameDuckMs, () => {
        server.closeIdleConnections();
        // They would never end by themselves.
        for (const tunnel of tunnels) tunnel.finish();
      }),
      this.#clock.awaited(deadlineMs, () => {
        server.closeAllConnections();
        for (const tunnel of tunnels) tunnel.destroy();
      }),
    ];
    await closed;
    for (const timer of timers) timer.cancel();
  }
}
