import http from 'node:http';
import https from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import Consul from 'consul';
import type { Clock } from '../../runtime/clock.js';
import { FairleadError, toError } from '../../runtime/errors.js';
import { showAddress } from './address.js';
import type { Connection, TlsParts } from './connection.js';
import { Exchange, type PreparedRequest } from './exchange.js';
import { type ConsulRequest, type ConsulResponse, type ConsulTransport, UnansweredError } from './transport.js';

/**
 * A dead host is noticed by TCP after this much silence (and Node's ten probes, a second apart);
 * milliseconds.
 */
const TCP_KEEPALIVE_MS = 10_000;

/** What the package's client can do with a request, beyond what its types say. */
interface PackageClient {
  _request(request: Readonly<Record<string, unknown>>): Promise<PreparedRequest>;
}

/**
 * The request as the package made it is all that is wanted of it: its hook ends its own part here.
 */
const exts = {
  onRequest: [
    (request: PreparedRequest, next: (end: false, value: PreparedRequest) => void): void => next(false, request),
  ],
};

/**
 * The transport of the `consul` package, up to the point at which it would send: the package makes
 * the request of path, query, headers and body, as it does for all of its methods.
 *
 * Its own methods (`health.service()` …) are one level too high for us: they do not send `cached`,
 * `ns` or `peer`, drop the weights of a registration, read no gzip, and parse the whole body in one
 * go, which for 5,000 instances stops the event loop for 100 ms. What it does with an answer is not
 * for us either: a body cut off in the middle never settles its promise, its errors carry the
 * request with the token, and piping a body of two kilobytes costs more than to read it.
 */
export class PackageTransport implements ConsulTransport {
  readonly address: string;
  readonly hasToken: boolean;
  readonly #connection: Connection;
  readonly #clock: Clock;
  #tls: TlsParts;
  #client: PackageClient;
  #agent: http.Agent;

  constructor(connection: Connection, clock: Clock) {
    const { address, tls } = connection;
    this.address = showAddress(address);
    this.hasToken = connection.token !== undefined;
    this.#connection = connection;
    this.#clock = clock;
    this.#tls = tls;
    this.#agent = agentOf(connection, tls);
    this.#client = clientOf(connection, tls, this.#agent);
  }

  async send(request: ConsulRequest): Promise<ConsulResponse> {
    const exchange = new Exchange(request, this.#clock);
    try {
      request.signal.throwIfAborted();
      const { method, name, path, params, query, body } = request;
      const headers = this.#headers();
      const prepared = await this.#client._request({ method, name, path, params, query, body, headers, exts });
      const response = await exchange.run(prepared);
      if (response.status === 403) this.#connection.token?.refresh();
      return response.text === '' ? response : { ...response, text: this.#redact(response.text) };
    } catch (thrown) {
      // Who gave it up knows why: of a hundred watches that end each would make an error.
      if (request.signal.aborted) throw toError(request.signal.reason);
      const error = this.#describe(request, exchange, thrown);
      if (error instanceof UnansweredError) this.#renewTls();
      throw error;
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Certificates that were replaced on disk are those of the next connection. */
  #renewTls(): void {
    let tls: TlsParts | undefined;
    try {
      tls = this.#connection.readTls?.();
    } catch {
      // They are being replaced right now: the next failure reads them again.
    }
    if (tls === undefined || isDeepStrictEqual(tls, this.#tls)) return;
    const before = this.#agent;
    this.#tls = tls;
    this.#agent = agentOf(this.#connection, tls);
    this.#client = clientOf(this.#connection, tls, this.#agent);
    // What is on its way may end.
    (before as http.Agent & { keepAlive: boolean }).keepAlive = false;
    for (const socket of Object.values(before.freeSockets).flat()) socket?.destroy();
  }

  #headers(): Record<string, string> {
    const { token, auth, compress } = this.#connection;
    const headers: Record<string, string> = {};
    if (token !== undefined) headers['x-consul-token'] = token.value();
    if (auth !== undefined) headers.authorization = `Basic ${Buffer.from(auth).toString('base64')}`;
    if (compress) headers['accept-encoding'] = 'gzip';
    return headers;
  }

  /** A new error: the package's own carry the request, and with it the token. */
  #describe(request: ConsulRequest, { answered }: Exchange, thrown: unknown): FairleadError {
    const error = toError(thrown);
    if (error instanceof FairleadError) return error;
    const code = (error as NodeJS.ErrnoException).code;
    const said = error.message === '' ? (code ?? 'unknown error') : error.message;
    const what = this.#redact(said) + hintOf(said);
    const Kind = answered ? FairleadError : UnansweredError;
    return new Kind('FAIRLEAD_DISCOVERY', `Consul at ${this.address}, ${request.name}: ${what}.`);
  }

  /** A proxy's error page may repeat the request, headers and all. */
  #redact(text: string): string {
    const { token, auth } = this.#connection;
    const secrets = [token?.value(), auth, auth && Buffer.from(auth).toString('base64')];
    return secrets.reduce<string>((shown, each) => (each ? shown.replaceAll(each, '[secret]') : shown), text);
  }
}

function agentOf({ address }: Connection, tls: TlsParts): http.Agent {
  const options = { keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS };
  return address.secure ? new https.Agent({ ...options, ...tls }) : new http.Agent(options);
}

function clientOf({ address }: Connection, tls: TlsParts, agent: http.Agent): PackageClient {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const client = new Consul({
    ...tls,
    baseUrl: `${address.secure ? 'https' : 'http'}://${host}:${address.port}${address.prefix}/v1`,
    ...(address.socketPath === undefined ? {} : { socketPath: address.socketPath }),
    agent,
  } as ConstructorParameters<typeof Consul>[0]);
  return client as unknown as PackageClient;
}

/** What to do about an error that says little without knowledge of OpenSSL. */
function hintOf(said: string): string {
  if (/wrong version number|packet length too long|EPROTO/i.test(said)) {
    return '. The agent speaks no TLS on this port: use http://, or its TLS port';
  }
  return '';
}
