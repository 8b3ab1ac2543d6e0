import { ConnectError, type Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { ownName } from '../../src/adapter.js';
import type { Clock, Endpoint, Service } from '../../src/index.js';
import { isLoss, isRefusedStream, markOldNews } from './network-errors.js';
import type { TransportSettings } from './options.js';
import { Sessions } from './sessions.js';

/**
 * The transport to one endpoint and the one HTTP/2 session under it, which connect-node opens and
 * opens again.
 */
export class Connection {
  readonly transport: Transport;
  readonly #sessions: Sessions;
  #calls = 0;

  constructor({ spec }: Endpoint, settings: TransportSettings, clock: Clock) {
    const { protocol, baseUrl: urlOf, transport, authority } = settings;
    const name = typeof authority === 'string' ? authority : ownName(authority, spec);
    const { baseUrl, address } = called(urlOf(spec), name);
    const { nodeOptions, ...rest } = transport;
    this.#sessions = new Sessions(clock, baseUrl, rest, { ...nodeOptions, ...address });
    const options = { ...rest, baseUrl, sessionManager: this.#sessions };
    this.transport =
      protocol === 'grpc' ? createGrpcTransport(options) : createConnectTransport({ ...options, httpVersion: '2' });
  }

  get idle(): boolean {
    return this.#calls === 0;
  }

  /** A call begins; what it gets is for `failed`. */
  begin(): number {
    this.#calls++;
    return this.#sessions.gone;
  }

  failed(thrown: unknown, begun: number): void {
    if (isLoss(thrown) && !this.#sessions.isNews(begun)) markOldNews(thrown);
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
 * The URL of a server by its name, and where it is: Node takes both the `:authority` and the name
 * in the certificate from the URL, and the address from the options where they have one.
 */
function called(baseUrl: string, name: string | undefined): { baseUrl: string; address?: object } {
  if (name === undefined) return { baseUrl };
  const url = new URL(baseUrl);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const address = { host, port: Number(url.port) || (url.protocol === 'https:' ? 443 : 80) };
  url.port = '';
  url.host = name;
  return { baseUrl: url.href.replace(/\/$/, ''), address };
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

  /**
   * Runs a call over the connection to the endpoint, which stays open meanwhile. Where the server
   * refuses its stream, once more: the stream has crossed a GOAWAY on the way, and the next one
   * goes over a new connection. `again`: whether it can be run twice.
   */
  async use<T>(endpoint: Endpoint, run: (transport: Transport) => Promise<T>, again: () => boolean): Promise<T> {
    let connection = this.#connections.get(endpoint);
    if (connection === undefined) {
      connection = new Connection(endpoint, this.#options, this.#clock);
      this.#connections.set(endpoint, connection);
    }
    const begun = connection.begin();
    try {
      try {
        return await run(connection.transport);
      } catch (thrown) {
        if (!(thrown instanceof ConnectError) || !isRefusedStream(thrown) || !again()) throw thrown;
        return await run(connection.transport);
      }
    } catch (thrown) {
      connection.failed(thrown, begun);
      throw thrown;
    } finally {
      connection.end();
      this.#closeIfDone(endpoint);
    }
  }

  /**
   * Keeps the connection open until what it returns is called: a response may be read after its
   * call.
   */
  hold(endpoint: Endpoint): () => void {
    const connection = this.#connections.get(endpoint);
    connection?.begin();
    return () => {
      connection?.end();
      this.#closeIfDone(endpoint);
    };
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
