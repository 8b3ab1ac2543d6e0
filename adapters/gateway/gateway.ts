import type { IncomingMessage, ServerResponse } from 'node:http';
import { type RouteSettings, RouteTable } from '../../src/adapter.js';
import { FairleadError, type Mesh, type Route } from '../../src/index.js';
import { type Answer, sendAnswer } from './common/answers.js';
import { lingers } from './common/linger.js';
import { Forwarding } from './forward/forwarding.js';
import { Upstreams } from './forward/upstreams.js';
import { FrontServer } from './front-server.js';
import { Peers } from './head/client.js';
import { isAnswer, type RequestHead, readHead } from './head/request-head.js';
import { loops, requestHeaders } from './head/request-headers.js';
import { type GatewayOptions, type GatewaySettings, readGatewayOptions } from './options.js';

/** A reverse proxy over the services of a mesh. */
export interface Gateway extends AsyncDisposable {
  /**
   * Accepts connections. Resolves with the port when it does; rejects where the address is taken.
   * Default: any free port, on all addresses.
   */
  listen(port?: number, host?: string): Promise<number>;
  /**
   * Serves a request of another server: of `node:http`, of Express by `app.use(gateway.handle)`, of
   * Fastify after `reply.hijack()`. Where no route matches `next` is called, or 404 answered. A
   * request whose body was read before fails with FAIRLEAD_CONFLICT, by `next` or as a throw.
   */
  readonly handle: (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void) => void;
  /**
   * Other routes, from the next request on; those in progress end under the old ones. Nothing
   * changes where one of them is wrong: throws FAIRLEAD_INVALID_OPTION.
   */
  setRoutes(routes: readonly Route[]): void;
  /**
   * Ends it: every answer from now on says `Connection: close`, idle connections stay open for
   * `lameDuckMs`, what is in progress may finish within `deadlineMs` (default 10,000) and is broken
   * off then. Idempotent.
   */
  close(options?: { readonly deadlineMs?: number }): Promise<void>;
}

/**
 * A gateway over a mesh: it matches each request with a route and forwards it to an endpoint of the
 * route's service.
 *
 * ```ts
 * const gateway = createGateway(mesh, { routes: [{ match: { path: '/users/*' }, service: 'users' }] });
 * await gateway.listen(8080);
 * ```
 *
 * Throws FAIRLEAD_INVALID_OPTION.
 */
export function createGateway(mesh: Mesh, options: GatewayOptions): Gateway {
  return new LiveGateway(mesh, readGatewayOptions(options));
}

const DEFAULT_CLOSE_DEADLINE_MS = 10_000;
const LOOP: Answer = { status: 508, detail: 'this gateway has forwarded the request before' };
const NOT_FOUND: Answer = { status: 404 };

class LiveGateway implements Gateway {
  readonly #mesh: Mesh;
  readonly #settings: GatewaySettings;
  readonly #via: string | undefined;
  readonly #upstreams: Upstreams;
  readonly #peers: Peers;
  readonly #server: FrontServer;
  readonly #unregister: () => void;
  #table: RouteTable<RouteSettings>;
  #closing: Promise<void> | undefined;

  constructor(mesh: Mesh, settings: GatewaySettings) {
    this.#mesh = mesh;
    this.#settings = settings;
    this.#via = settings.via === false ? undefined : (settings.via ?? `fairlead-${eightDigits(mesh)}`);
    this.#upstreams = new Upstreams(mesh, (service) => settings.upstreams[service] ?? {});
    // Made now, so that a wrong option is refused now.
    for (const service of Object.keys(settings.upstreams)) this.#upstreams.of(service);
    this.#peers = new Peers(settings.trustedProxies);
    this.#server = new FrontServer(settings, mesh.clock, (request, response) => this.handle(request, response));
    this.#table = this.#tableOf(settings.routes);
    this.#unregister = mesh.register({
      kind: 'gateway',
      name: 'gateway',
      drain: (deadlineMs) => this.close({ deadlineMs }),
      close: () => void this.close({ deadlineMs: 0 }),
    });
  }

  listen(port = 0, host?: string): Promise<number> {
    return this.#server.listen(port, host);
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void => {
    const head = readHead(request);
    if (isAnswer(head)) {
      this.#answer(request, response, head);
      return;
    }
    const header = (name: string): string | undefined => {
      const value = request.headers[name];
      return typeof value === 'string' ? value : value?.join(', ');
    };
    const routed = { method: head.method, header };
    const route = this.#table.find(head.host, head.target, routed)?.value;
    if (route === undefined) {
      if (next !== undefined) {
        next();
        return;
      }
      const allowed = this.#table.methodsFor(head.host, head.target, routed);
      if (allowed.size === 0) this.#answer(request, response, NOT_FOUND);
      else this.#answer(request, response, { status: 405, headers: ['allow', [...allowed].join(', ')] });
      return;
    }
    if (head.body && wasRead(request)) {
      const error = new FairleadError(
        'FAIRLEAD_CONFLICT',
        'The body of a request was read before the gateway got it: mount the gateway ahead of body parsers.',
      );
      if (next === undefined) throw error;
      next(error);
      return;
    }
    if (loops(request.headers.via, this.#via)) this.#answer(request, response, LOOP);
    else this.#forward(request, response, head, route);
  };

  setRoutes(routes: readonly Route[]): void {
    this.#table = this.#tableOf(readGatewayOptions({ routes }).routes);
  }

  close({ deadlineMs = DEFAULT_CLOSE_DEADLINE_MS }: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#unregister();
    await this.#server.close(deadlineMs);
    await this.#upstreams.destroy();
  }

  #forward(request: IncomingMessage, response: ServerResponse, head: RequestHead, route: RouteSettings): void {
    const peer = this.#peers.of(request.socket);
    const said = request.headers['x-forwarded-for'];
    const client = this.#peers.clientOf(peer, typeof said === 'string' ? said : said?.join(', '));
    const headers = requestHeaders(request, head, peer, client, {
      forwarded: this.#settings.forwarded,
      via: this.#via,
    });
    const upstream = this.#upstreams.of(route.service!);
    if (upstream.host === 'client') headers.push('host', head.authority);
    const forwarding = new Forwarding(
      {
        clock: this.#mesh.clock,
        via: this.#via,
        problem: this.#settings.problemDetails,
        closing: () => this.#closing !== undefined,
      },
      request,
      response,
    );
    forwarding.begin(upstream.dispatcher, {
      origin: upstream.origin,
      method: head.method as never,
      path: head.target.raw + head.target.query,
      headers,
      // Left half read, it is not destroyed: its client still has to hear the answer.
      body: head.body
        ? ({ [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }) } as never)
        : null,
      ...(upstream.servername !== undefined && { servername: upstream.servername }),
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
    const closes = lingers(request, response, this.#mesh.clock) || this.#closing !== undefined;
    const headers = closes ? [...(answer.headers ?? []), 'connection', 'close'] : answer.headers;
    sendAnswer(
      request,
      response,
      { ...answer, ...(headers !== undefined && { headers }) },
      this.#settings.problemDetails,
    );
  }

  #tableOf(routes: readonly RouteSettings[]): RouteTable<RouteSettings> {
    // Known from the start: discovery is warm when the first request comes.
    for (const { service } of routes) if (service !== undefined) this.#mesh.service(service);
    return new RouteTable(routes.map((route) => [route, route.matches]));
  }
}

/** A parser or another handler was here: what is left is not the whole of it. */
const wasRead = (request: IncomingMessage): boolean => request.readableDidRead || request.readableEnded;

const eightDigits = (mesh: Mesh): string => mesh.random.below(100_000_000).toString().padStart(8, '0');
