import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock, Endpoint, Random } from '../../../src/index.js';
import { type Answer, sendAnswer } from '../common/answers.js';
import { grpcStatusOf, isGrpc } from '../common/grpc.js';
import { lingers } from '../common/linger.js';
import type { Peer } from '../head/client.js';
import type { RequestHead } from '../head/request-head.js';
import { CORS_HEADERS, corsHeaders } from '../routes/cors.js';
import { dropped, edited } from '../routes/edits.js';
import type { LiveRoute } from '../routes/live-route.js';

const LENGTH: ReadonlySet<string> = new Set(['content-length']);

/** What the passages of a gateway share. */
export interface PassageHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly via: string | undefined;
  readonly problem: boolean;
  /** Connections are to close after their next response. */
  readonly closing: boolean;
  /** A passage has ended. */
  ended(passage: Passage): void;
}

/** The client's side of an upgrade. */
export interface Upgraded {
  readonly socket: Duplex;
  /** What it sent after the head. */
  readonly head: Buffer;
  /** What it asks for, in lower case. */
  readonly protocol: string;
}

/** One request on its way through the gateway, and what is known of it. */
export class Passage {
  readonly host: PassageHost;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly peer: Peer;
  readonly client: string | undefined;
  readonly startMs: number;
  head: RequestHead | undefined;
  route: LiveRoute | undefined;
  /** Whose response it is; undefined while there is none. */
  endpoint: Endpoint | undefined;
  /** The endpoint that the client's cookie names. */
  preferred: string | undefined;
  requestId: string | undefined;
  /** Where it asks for another protocol. */
  upgraded: Upgraded | undefined;
  /** Of the response; 0 while there is none. */
  status = 0;
  bytes = 0;
  /** The response broke off. */
  broken = false;
  /** The route's fallback answers. */
  fellBack = false;
  /** Of a call of gRPC, when it has ended. */
  grpcStatus: number | undefined;
  /** Headers for whatever is answered, names and values in turn. */
  readonly extra: string[] = [];

  constructor(
    host: PassageHost,
    request: IncomingMessage,
    response: ServerResponse,
    peer: Peer,
    client: string | undefined,
  ) {
    this.host = host;
    this.request = request;
    this.response = response;
    this.peer = peer;
    this.client = client;
    this.startMs = host.clock.now();
    response.once('close', () => host.ended(this));
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return typeof value === 'string' || value === undefined ? value : value.join(', ');
  }

  /** Answers in the gateway's own words. */
  answer(answer: Answer): void {
    const { request, response, host } = this;
    if (response.headersSent || response.destroyed) return;
    if (isGrpc(request)) {
      this.status = 200;
      this.grpcStatus = answer.grpc ?? grpcStatusOf(answer.status);
    } else this.status = answer.status;
    const headers = this.#finish([...(answer.headers ?? [])]);
    sendAnswer(request, response, { ...answer, headers }, host.problem);
  }

  /** Its service did not serve it: answers as the route says for that case, or in own words. */
  fail(answer: Answer): void {
    if (this.response.headersSent || this.response.destroyed) return;
    if (this.route?.fallback?.answer(answer.status, this) !== true) this.answer(answer);
  }

  /** Whether the route has something better than a response of this status. */
  rejects(status: number): boolean {
    return this.route?.fallback?.standsInFor(status, this) === true;
  }

  /** Answers as a route says. */
  direct(status: number, headers: string[], body: string): void {
    if (this.response.headersSent || this.response.destroyed) return;
    this.status = status;
    const length = ['content-length', String(Buffer.byteLength(body))];
    // RFC 9110, 8.6: none where there can be no body.
    if (status !== 204 && status !== 304) headers.push(...length);
    this.response.writeHead(status, this.#finish(headers));
    this.response.end(this.request.method === 'HEAD' || status === 204 || status === 304 ? undefined : body);
  }

  /** Begins the response of a service. */
  begin(status: number, statusText: string, headers: string[], version: '1.1' | '2' = '1.1'): void {
    this.status = status;
    const { via } = this.host;
    // What the route says takes the place of what the service says.
    const said = this.route?.settings.cors === undefined ? headers : dropped(headers, CORS_HEADERS);
    // RFC 9110, 8.6: a client that believed it would wait for a body that cannot come.
    const own = status === 204 ? dropped(said, LENGTH) : said;
    if (via !== undefined) own.push('via', `${version} ${via}`);
    this.response.writeHead(status, statusText, this.#finish(own));
  }

  /** The headers that go out with a status, of those of a service. */
  finished(status: number, headers: string[]): string[] {
    this.status = status;
    return this.#finish(headers);
  }

  #finish(given: string[]): string[] {
    const { route, endpoint } = this;
    let headers = given;
    if (route !== undefined) {
      const { cors, responseHeaders } = route.settings;
      if (cors !== undefined) headers.push(...corsHeaders(cors, this.request.headers.origin));
      if (
        route.cookie !== undefined &&
        endpoint !== undefined &&
        endpoint.spec.id !== this.preferred &&
        this.status !== 304
      )
        headers.push('set-cookie', route.cookie.setCookie(endpoint, this.peer.secure));
      headers = edited(headers, responseHeaders);
    }
    if (this.extra.length > 0) headers.push(...this.extra);
    if (this.status === 101) return headers;
    if (lingers(this.request, this.response, this.host.clock) || this.host.closing) headers.push('connection', 'close');
    return headers;
  }
}
