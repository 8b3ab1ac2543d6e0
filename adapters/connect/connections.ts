import type { Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import type { Clock, Endpoint, Service } from '../../src/index.js';
import type { TransportSettings } from './options.js';

/**
 * The transport to one endpoint and the one HTTP/2 session under it, which connect-node opens and
 * opens again.
 */
export class Connection {
  readonly transport: Transport;
  readonly #sessions: Http2SessionManager;
  #calls = 0;

  constructor(endpoint: Endpoint, { protocol, baseUrl: urlOf, transport }: TransportSettings) {
    const baseUrl = urlOf(endpoint.spec);
    const { nodeOptions, ...rest } = transport;
    this.#sessions = new Http2SessionManager(baseUrl, rest, nodeOptions);
    const options = { ...rest, baseUrl, sessionManager: this.#sessions };
    this.transport =
      protocol === 'grpc' ? createGrpcTransport(options) : createConnectTransport({ ...options, httpVersion: '2' });
  }

  get idle(): boolean {
    return this.#calls === 0;
  }

  begin(): Transport {
    this.#calls++;
    return this.transport;
  }

  end(): void {
    this.#calls--;
  }

  /** Streams that are open end with CANCELED. */
  close(): void {
    this.#sessions.abort();
  }
}

/**
 * The last message of a call is read some frames before its stream is closed on both sides;
 * milliseconds.
 */
const LINGER_MS = 100;

/**
 * One connection per endpoint, made at its first call, closed when discovery withdrew the endpoint
 * (it is gone, or listed as unhealthy) and its last call has ended. Also the calls of an endpoint
 * that discovery removed while they were on their way find one.
 */
export class Connections {
  readonly #connections = new Map<Endpoint, Connection>();
  readonly #options: TransportSettings;
  readonly #clock: Clock;
  readonly #stopListening: () => void;
  #closed = false;

  constructor(service: Service, clock: Clock, options: TransportSettings) {
    this.#options = options;
    this.#clock = clock;
    this.#stopListening = service.on('endpoints', ({ changed, departed }) => {
      for (const endpoint of departed) this.#closeIfDone(endpoint);
      for (const endpoint of changed) this.#closeIfDone(endpoint);
    });
  }

  /** For tests and displays. */
  get size(): number {
    return this.#connections.size;
  }

  /** Runs a call over the connection to the endpoint, which stays open meanwhile. */
  async use<T>(endpoint: Endpoint, run: (transport: Transport) => Promise<T>): Promise<T> {
    let connection = this.#connections.get(endpoint);
    if (connection === undefined) {
      connection = new Connection(endpoint, this.#options);
      this.#connections.set(endpoint, connection);
    }
    try {
      return await run(connection.begin());
    } finally {
      connection.end();
      this.#closeIfDone(endpoint);
    }
  }

  /** Connections without calls end now, the others after their last call. */
  close(): void {
    this.#closed = true;
    this.#stopListening();
    for (const endpoint of [...this.#connections.keys()]) this.#closeIfDone(endpoint);
  }

  #closeIfDone(endpoint: Endpoint): void {
    const connection = this.#connections.get(endpoint);
    if (connection === undefined || !connection.idle) return;
    const withdrawn = endpoint.state === 'draining' || endpoint.spec.healthy === false;
    if (!this.#closed && !withdrawn) return;
    this.#connections.delete(endpoint);
    this.#clock.after(LINGER_MS, () => connection.close());
  }
}
