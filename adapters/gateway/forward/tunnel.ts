import { type ClientRequest, type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import { connect, type NetConnectOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Endpoint, type Lease, Outcome, type Timer } from '../../../src/index.js';
import { httpStatusOf } from '../../http/index.js';
import { ATTEMPT } from '../head/request-headers.js';
import { type RawHeaders, responseHeaders } from '../head/response-headers.js';
import type { LiveRoute } from '../routes/live-route.js';
import type { Outgoing } from './forwarder.js';
import type { Passage, Upgraded } from './passage.js';
import { Splice } from './splice.js';
import type { Upstream } from './upstreams.js';

/** Attempts to find an endpoint that can be connected to. */
const MAX_ATTEMPTS = 3;

/**
 * Asks a service for an upgrade (RFC 9110, 7.8) and joins the two connections when it agrees. The
 * client hears 101 only then; any other answer is passed on.
 *
 * Over node:http, since undici ends a connection whose answer to an upgrade is another one.
 */
export class Tunnel {
  readonly #passage: Passage;
  readonly #route: LiveRoute;
  readonly #out: Outgoing;
  readonly #upstream: Upstream;
  readonly #client: Upgraded;
  readonly #tried: Endpoint[] = [];
  #lease: Lease | undefined;
  #request: ClientRequest | undefined;
  #splice: Splice | undefined;
  #timer: Timer | undefined;

  constructor(passage: Passage, route: LiveRoute, out: Outgoing, upstream: Upstream, client: Upgraded) {
    this.#passage = passage;
    this.#route = route;
    this.#out = out;
    this.#upstream = upstream;
    this.#client = client;
    passage.response.once('close', () => this.#over(Outcome.Cancelled));
  }

  begin(): void {
    this.#attempt(undefined);
  }

  /** Says to both ends that the gateway goes. */
  finish(): void {
    if (this.#splice === undefined) this.#passage.answer({ status: 503 });
    else this.#splice.finish(Buffer.from(Array.from({ length: 4 }, () => this.#passage.host.random.below(256))));
  }

  destroy(): void {
    this.#splice?.destroy();
    this.#client.socket.destroy();
  }

  #attempt(last: unknown): void {
    const { call } = this.#out;
    const from = this.#route.from ?? this.#route.service!;
    try {
      const labels = (name: string): string | undefined => this.#passage.header(name);
      this.#lease = from.acquire({ key: call.key, prefer: call.prefer, labels, tried: this.#tried });
    } catch (thrown) {
      this.#refuse(last ?? thrown);
      return;
    }
    const { endpoint } = this.#lease;
    this.#tried.push(endpoint);
    const request = this.#send(endpoint);
    this.#request = request;
    let connected = false;
    this.#timer = this.#passage.host.clock.after(this.#upstream.connectTimeoutMs, () =>
      request.destroy(Object.assign(new Error('connect timeout'), { code: 'UND_ERR_CONNECT_TIMEOUT' })),
    );
    const ready = (): void => {
      connected = true;
      this.#timer?.cancel();
      this.#patience(request);
    };
    request.once('socket', (socket) => {
      if (!socket.connecting) ready();
      else socket.once(this.#upstream.servername === undefined ? 'connect' : 'secureConnect', ready);
    });
    request.once('upgrade', (response, socket, head) => this.#agreed(response, socket, head));
    request.once('response', (response) => this.#declined(response));
    request.once('error', (error) => this.#failed(error, connected));
    request.end();
  }

  /** For the answer, once connected. */
  #patience(request: ClientRequest): void {
    const { headersMs = 300_000 } = this.#route.settings.timeouts ?? {};
    this.#timer = this.#passage.host.clock.after(headersMs, () =>
      request.destroy(Object.assign(new Error('no answer'), { code: 'UND_ERR_HEADERS_TIMEOUT' })),
    );
  }

  #send({ spec }: Endpoint): ClientRequest {
    const { tls, servername, socketPath, host } = this.#upstream;
    const headers = [...this.#out.headers, 'connection', 'Upgrade', 'upgrade', this.#client.protocol];
    const shown = spec.host.includes(':') ? `[${spec.host}]` : spec.host;
    if (host === 'endpoint') headers.push('host', `${shown}:${spec.port}`);
    const { attempt = 1 } = this.#out.call;
    if (attempt > 1) headers.push(ATTEMPT, String(attempt));
    const path = socketPath?.(this.#lease!.endpoint);
    const options = {
      method: this.#passage.request.method,
      path: this.#out.path,
      headers: headers as never,
      host: spec.host,
      port: spec.port,
      agent: false,
      ...(path !== undefined && { socketPath: path }),
    } as const;
    if (servername !== undefined) return requestSecure({ ...tls, ...options, servername });
    // An end of one side is not the end of both.
    const createConnection = (to: object): Duplex => connect({ ...(to as NetConnectOpts), allowHalfOpen: true });
    return requestPlain({ ...options, createConnection: createConnection as never });
  }

  #agreed(response: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { socket: client, head: early } = this.#client;
    const passage = this.#passage;
    this.#timer?.cancel();
    socket.on('error', () => {});
    passage.endpoint = this.#lease?.endpoint;
    const { upgrade } = response.headers;
    if (upgrade?.trim().toLowerCase() !== this.#client.protocol) {
      this.#unasked(socket);
      return;
    }
    const headers = passage.finished(101, responseHeaders(response.rawHeaders as RawHeaders, false));
    headers.push('connection', 'Upgrade', 'upgrade', upgrade);
    let text = `HTTP/1.1 101 ${response.statusMessage || 'Switching Protocols'}\r\n`;
    for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
    client.write(`${text}\r\n`, 'latin1');
    const { idleMs = 0 } = this.#route.settings.timeouts ?? {};
    const frames = this.#client.protocol === 'websocket';
    this.#splice = new Splice(client, socket, passage.host.clock, { idleMs, frames }, () =>
      this.#over(Outcome.Success),
    );
    this.#splice.begin(early, head);
  }

  /**
   * RFC 9110, 7.8: a server must not switch to a protocol that was not asked for. The client, which
   * would take what follows for its own, does not hear of it.
   */
  #unasked(socket: Duplex): void {
    socket.destroy();
    this.#end(Outcome.Failure);
    this.#passage.answer({ status: 502 });
  }

  #declined(response: IncomingMessage): void {
    const passage = this.#passage;
    this.#timer?.cancel();
    passage.endpoint = this.#lease?.endpoint;
    const status = response.statusCode ?? 502;
    // For Node a 101 whose headers say of no upgrade is an answer like others.
    if (status === 101) {
      this.#unasked(response.socket);
      return;
    }
    passage.begin(status, response.statusMessage ?? '', responseHeaders(response.rawHeaders as RawHeaders, false));
    response.on('data', (chunk: Buffer) => {
      passage.bytes += chunk.length;
      if (passage.response.write(chunk)) return;
      response.pause();
      passage.response.once('drain', () => response.resume());
    });
    response.once('end', () => {
      this.#over(status >= 500 ? Outcome.Failure : Outcome.Success);
      passage.response.end();
    });
    response.once('error', () => {
      passage.broken = true;
      this.#over(Outcome.Failure);
      passage.response.destroy();
    });
  }

  #failed(error: Error, connected: boolean): void {
    this.#timer?.cancel();
    if (this.#lease === undefined) return;
    const retry = !connected && this.#tried.length < MAX_ATTEMPTS;
    this.#end(connected ? Outcome.Failure : Outcome.ConnectFailure);
    // Nothing was sent: another endpoint may be asked.
    if (retry) this.#attempt(error);
    else this.#refuse(error);
  }

  #refuse(error: unknown): void {
    const { status, headers } = httpStatusOf(error);
    this.#passage.answer({ status: status === 500 ? 502 : status, headers: Object.entries(headers).flat() });
  }

  #over(outcome: Outcome): void {
    this.#timer?.cancel();
    this.#end(outcome);
    if (this.#splice === undefined) this.#request?.destroy();
  }

  #end(outcome: Outcome): void {
    this.#lease?.done(outcome);
    this.#lease = undefined;
  }
}
