import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { checkMesh, type Matched, type RouteSettings, readRoutes } from '../../src/adapter.js';
import type { ConfigStore } from '../../src/config/index.js';
import { type Clock, FairleadError, type Mesh, type Random, type Route } from '../../src/index.js';
import { RepeatLedger } from '../http/index.js';
import { type AccessLog, logAccess } from './access-log.js';
import type { Answer } from './common/answers.js';
import { GrpcStatus, isGrpc } from './common/grpc.js';
import { hasBody } from './common/linger.js';
import { type ExplainedRequest, explainRequest, type RequestExplanation, requestExplainer } from './explain.js';
import { forward, type Outgoing, outgoing } from './forward/forwarder.js';
import { Passage, type PassageHost, type Upgraded } from './forward/passage.js';
import { Tunnel } from './forward/tunnel.js';
import { type Upstream, Upstreams } from './forward/upstreams.js';
import { FrontServer, type Refuse } from './front-server.js';
import { type Peer, Peers } from './head/client.js';
import { isMisdirected } from './head/misdirected.js';
import { isAnswer, type RequestHead, readHead } from './head/request-head.js';
import { type HeaderContext, loops } from './head/request-headers.js';
import { requestIdOf } from './head/request-id.js';
import { BackServices } from './http2/back-services.js';
import { StreamForwarding } from './http2/stream-forwarding.js';
import { type GatewayOptions, type GatewaySettings, readGatewayOptions } from './options.js';
import { toldInstead } from './refused-head.js';
import { preflightFor, preflightHeaders } from './routes/cors.js';
import type { LiveRoute } from './routes/live-route.js';
import type { Allowance, RouteLimit } from './routes/rate-limit.js';
import { locationOf } from './routes/redirect.js';
import { RouteFigures } from './routes/route-figures.js';
import { RouteSet } from './routes/route-set.js';
import { responseOn, upgradeOf } from './upgrades.js';

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
   * For upgrades (WebSockets) where `handle` serves another server: `server.on('upgrade',
   * gateway.upgrade)`. Returns whether the upgrade is one of the gateway's; the connection is the
   * caller's otherwise.
   */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;
  /**
   * What a request would meet now, and why: its route, and what `explain` of the service says.
   * Nothing is sent, counted or charged to a limit.
   */
  explain(request: ExplainedRequest): RequestExplanation;
  /**
   * Other routes, from the next request on; those in progress end under the old ones. Nothing
   * changes where one of them is wrong: throws FAIRLEAD_INVALID_OPTION.
   */
  setRoutes(routes: readonly Route[]): void;
  /**
   * From now on the routes are those of the document's `gateway`, each version of it in turn, until
   * the returned function is called; where it has none, those that the program gave last. A
   * document whose routes this gateway cannot serve is refused. Throws where the one in force is
   * one.
   */
  follow(config: Pick<ConfigStore, 'follow'>): () => void;
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
  checkMesh('createGateway', mesh);
  return new LiveGateway(mesh, readGatewayOptions(options));
}

const DEFAULT_CLOSE_DEADLINE_MS = 10_000;
const LOOP: Answer = { status: 508, detail: 'this gateway has forwarded the request before' };

class LiveGateway implements Gateway, PassageHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly via: string | undefined;
  readonly problem: boolean;
  readonly #upstreams: Upstreams;
  readonly #ledger: RepeatLedger;
  readonly #backs: BackServices;
  readonly #peers: Peers;
  readonly #server: FrontServer;
  readonly #routes: RouteSet;
  /** The program's, where no document says others. */
  #own: readonly RouteSettings[];
  #configured = false;
  readonly #follows = new Set<() => void>();
  readonly #headers: HeaderContext;
  readonly #accessLog: AccessLog | undefined;
  readonly #unregister: () => void;
  readonly #upgrades: readonly string[];
  readonly #tunnels = new Set<Tunnel>();
  #inflight = 0;
  /** What no route had: 404, 405, heads that were refused. */
  readonly #unroutedFigures = new RouteFigures();
  #closing: Promise<void> | undefined;

  constructor(mesh: Mesh, settings: GatewaySettings) {
    const { upstreams, affinityKeys, rateLimiters, fallbacks, forwarded, requestId } = settings;
    this.clock = mesh.clock;
    this.problem = settings.problemDetails;
    this.via = settings.via === false ? undefined : (settings.via ?? `fairlead-${eightDigits(mesh)}`);
    this.random = mesh.random;
    this.#accessLog = settings.accessLog;
    this.#headers = { forwarded, via: this.via, requestId };
    this.#routes = new RouteSet({ mesh, affinityKeys, rateLimiters, fallbacks });
    this.#own = settings.routes;
    this.#routes.set(settings.routes);
    this.#ledger = new RepeatLedger({ maxReplayBytes: settings.maxReplayBytes });
    this.#upstreams = new Upstreams(mesh, this.#ledger, (service) => upstreams[service] ?? {});
    this.#backs = new BackServices(mesh.clock, this.#ledger);
    // Made now, so that a wrong option is refused now.
    for (const service of Object.keys(upstreams)) this.#upstreams.of(service);
    this.#peers = new Peers(settings.trustedProxies);
    this.#server = new FrontServer(settings, mesh.clock, this.handle, this.upgrade, this.#refuse);
    this.#upgrades = settings.upgrades;
    this.#unregister = mesh.register({
      kind: 'gateway',
      name: 'gateway',
      figures: () => this.#figures(),
      explains: requestExplainer((request) => this.explain(request)),
      drain: (deadlineMs) => this.close({ deadlineMs }),
      close: () => void this.close({ deadlineMs: 0 }),
    });
  }

  get closing(): boolean {
    return this.#closing !== undefined;
  }

  listen(port = 0, host?: string): Promise<number> {
    return this.#server.listen(port, host);
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void => {
    const peer = this.#peers.of(request.socket);
    const head = this.#headOf(request, peer);
    const found = isAnswer(head) ? undefined : this.#find(request, head);
    if (next !== undefined && found === undefined && !isAnswer(head)) {
      next();
      return;
    }
    if (found !== undefined && !isAnswer(head) && head.body && wasRead(request)) {
      const error = bodyWasRead();
      if (next === undefined) throw error;
      next(error);
      return;
    }
    const passage = this.#passage(request, response, peer);
    if (isAnswer(head)) passage.answer(head);
    else if (found === undefined) this.#unrouted(passage, head);
    else this.#routed(passage, head, found);
  };

  /** What is refused for its method or size alone: in the log as any other. */
  readonly #refuse: Refuse = (request, response, status) => {
    this.#passage(request, response, this.#peers.of(request.socket)).answer({ status });
  };

  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): boolean => {
    const protocol = upgradeOf(request, this.#upgrades);
    // A body would have to end before the other protocol begins: RFC 9110, 7.8.
    if (protocol === undefined || hasBody(request) || request.httpVersion !== '1.1') return false;
    socket.on('error', ignore);
    const peer = this.#peers.of(request.socket);
    const passage = this.#passage(request, responseOn(request, socket, this.clock), peer);
    passage.upgraded = { socket, head, protocol };
    const read = this.#headOf(request, peer);
    const found = isAnswer(read) ? undefined : this.#find(request, read);
    if (isAnswer(read)) passage.answer(read);
    else if (this.closing) passage.answer({ status: 503 });
    else if (found === undefined) this.#unrouted(passage, read);
    else this.#routed(passage, read, found);
    return true;
  };

  explain(request: ExplainedRequest): RequestExplanation {
    return explainRequest(this.#routes, request);
  }

  setRoutes(routes: readonly Route[]): void {
    const read = readRoutes(routes, 'setRoutes');
    this.#routes.check(read);
    this.#own = read;
    if (!this.#configured) this.#routes.set(read);
  }

  follow(config: Pick<ConfigStore, 'follow'>): () => void {
    const read = (said: { readonly routes: readonly Route[] } | undefined): readonly RouteSettings[] =>
      said === undefined ? this.#own : readRoutes(said.routes, 'gateway.routes');
    const stop = config.follow('gateway', {
      check: (said) => this.#routes.check(read(said)),
      use: (said) => {
        this.#configured = said !== undefined;
        this.#routes.set(read(said));
      },
    });
    const unfollow = (): void => {
      stop();
      this.#follows.delete(unfollow);
      this.#configured = false;
    };
    this.#follows.add(unfollow);
    return unfollow;
  }

  close({ deadlineMs = DEFAULT_CLOSE_DEADLINE_MS }: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  ended(passage: Passage): void {
    this.#inflight--;
    if (passage.status === 0) passage.status = toldInstead(passage.response);
    if (this.#accessLog !== undefined) logAccess(this.#accessLog, passage, this.clock);
    const { route, status, bytes, broken } = passage;
    if (route === undefined) {
      this.#unroutedFigures.began();
      this.#unroutedFigures.ended(status);
      this.#unroutedFigures.responseBytes += bytes;
      return;
    }
    route.figures.responseBytes += bytes;
    if (broken) route.figures.broken++;
    this.#routes.ended(route, status);
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#unregister();
    for (const unfollow of this.#follows) unfollow();
    await this.#server.close(deadlineMs, this.#tunnels);
    this.#routes.close();
    this.#backs.destroy();
    await this.#upstreams.destroy();
  }

  #passage(request: IncomingMessage, response: ServerResponse, peer: Peer): Passage {
    const said = request.headers['x-forwarded-for'];
    const client = this.#peers.clientOf(peer, typeof said === 'string' ? said : said?.join(', '));
    this.#inflight++;
    const passage = new Passage(this, request, response, peer, client);
    const { requestId } = this.#headers;
    if (requestId !== undefined) {
      passage.requestId = requestIdOf(passage.header(requestId), peer, this.random);
      passage.extra.push(requestId, passage.requestId);
    }
    return passage;
  }

  #headOf(request: IncomingMessage, peer: Peer): RequestHead | Answer {
    const head = readHead(request);
    return !isAnswer(head) && isMisdirected(request.socket, peer, head.host) ? { status: 421 } : head;
  }

  #find(request: IncomingMessage, head: RequestHead): Matched<LiveRoute> | undefined {
    const { table } = this.#routes;
    const header = headersOf(request);
    const preflight = preflightFor(request);
    if (preflight !== undefined) {
      // What it asks about, not how it asks.
      const found = table.find(head.host, head.target, { method: preflight, header });
      if (found?.value.settings.cors !== undefined) return found;
    }
    return table.find(head.host, head.target, { method: head.method, header });
  }

  #unrouted(passage: Passage, head: RequestHead): void {
    const routed = { method: head.method, header: headersOf(passage.request) };
    const allowed = this.#routes.table.methodsFor(head.host, head.target, routed);
    if (allowed.size === 0) passage.answer({ status: 404 });
    else passage.answer({ status: 405, headers: ['allow', [...allowed].join(', ')] });
  }

  #routed(passage: Passage, head: RequestHead, { value: route, pattern }: Matched<LiveRoute>): void {
    const { request } = passage;
    const { cors, maxInflight, maxBodyBytes } = route.settings;
    passage.head = head;
    passage.route = route;
    this.#routes.began(route);
    if (loops(request.headers.via, this.via)) passage.answer(LOOP);
    else if (cors !== undefined && preflightFor(request) !== undefined)
      passage.answer({ status: 204, headers: preflightHeaders(cors, request) });
    else if (maxInflight !== undefined && route.figures.inflight > maxInflight) {
      route.figures.limited++;
      passage.fail({ status: 503, headers: ['retry-after', '1'], grpc: GrpcStatus.ResourceExhausted });
    } else if (maxBodyBytes !== undefined && Number(request.headers['content-length'] ?? 0) > maxBodyBytes)
      passage.answer({ status: 413 });
    else if (route.limit === undefined) this.#admitted(passage, head, route, pattern);
    else this.#limited(passage, head, route, pattern, route.limit);
  }

  #limited(passage: Passage, head: RequestHead, route: LiveRoute, pattern: Pattern, limit: RouteLimit): void {
    const judged = (allowance: Allowance | undefined): void => {
      if (allowance !== undefined) passage.extra.push(...limit.headers(allowance));
      if (allowance?.allowed === false) {
        route.figures.limited++;
        passage.answer({ status: 429 });
      } else if (!passage.response.destroyed) this.#admitted(passage, head, route, pattern);
    };
    const taken = limit.take({ head, client: passage.client, header: (name) => passage.header(name) });
    if ('then' in taken) void taken.then(judged);
    else judged(taken);
  }

  #admitted(passage: Passage, head: RequestHead, route: LiveRoute, pattern: Pattern): void {
    const { redirect, response, service } = route.settings;
    if (service !== undefined) {
      const upstream = this.#upstreams.of(service);
      const out = outgoing(passage, head, route, pattern, this.#headers, upstream);
      if (passage.upgraded === undefined && (upstream.protocol === 'h2' || isGrpc(passage.request)))
        new StreamForwarding(passage, head, route, out, this.#backs.of(route.service!, upstream)).begin();
      else if (passage.upgraded === undefined) forward(passage, head, route, out, upstream);
      else this.#tunnel(passage, route, out, upstream, passage.upgraded);
    } else if (redirect !== undefined) {
      const location = locationOf(redirect, head, pattern, passage.peer.secure);
      passage.answer({ status: redirect.status, headers: ['location', location] });
    } else if (response !== undefined) passage.direct(response.status, [...response.headers], response.body ?? '');
  }

  #tunnel(passage: Passage, route: LiveRoute, out: Outgoing, upstream: Upstream, client: Upgraded): void {
    const tunnel = new Tunnel(passage, route, out, upstream, client);
    this.#tunnels.add(tunnel);
    passage.response.once('close', () => this.#tunnels.delete(tunnel));
    tunnel.begin();
  }

  #figures(): Readonly<Record<string, number>> {
    const figures: Record<string, number> = {
      inflight: this.#inflight,
      tunnels: this.#tunnels.size,
      ...this.#ledger.figures,
      ...this.#server.figures,
      ...this.#backs.figures,
    };
    this.#unroutedFigures.into(figures, 'unrouted');
    for (const { settings, figures: own } of this.#routes.routes) own.into(figures, settings.name);
    return figures;
  }
}

function ignore(): void {}

type Pattern = Matched<unknown>['pattern'];

const headersOf =
  ({ headers }: IncomingMessage) =>
  (name: string): string | undefined => {
    const value = headers[name];
    return typeof value === 'string' || value === undefined ? value : value.join(', ');
  };

/** A parser or another handler was here: what is left is not the whole of it. */
const wasRead = (request: IncomingMessage): boolean => request.readableDidRead || request.readableEnded;

const bodyWasRead = (): FairleadError =>
  new FairleadError(
    'FAIRLEAD_CONFLICT',
    'The body of a request was read before the gateway got it: mount the gateway ahead of body parsers.',
  );

const eightDigits = (mesh: Mesh): string => mesh.random.below(100_000_000).toString().padStart(8, '0');
